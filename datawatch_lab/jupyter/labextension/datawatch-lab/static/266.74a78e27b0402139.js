"use strict";(self.rspackChunkdatawatch_lab=self.rspackChunkdatawatch_lab||[]).push([[266],{646(e,o,r){var n=r(601),t=r.n(n),a=r(314),i=(r.n(a))()(t());i.push([e.id,`/* The side bar, tabs and dialog, in JupyterLab's own colours; states have a mark and a word too. */
.dw-side-bar {
  --dw-good: #0a7350;
  --dw-warn: #8a5300;
  --dw-bad: #b3261e;
}
body[data-jp-theme-light='false'] .dw-side-bar,
body[data-jp-theme-light='false'] .dw-connect {
  --dw-good: #4fd3a0;
  --dw-warn: #f2b544;
  --dw-bad: #ff8d85;
}
.dw-connect {
  --dw-good: #0a7350;
  --dw-warn: #8a5300;
  --dw-bad: #b3261e;
}
.dw-side-bar {
  background: var(--jp-layout-color1);
  color: var(--jp-ui-font-color1);
  font-family: var(--jp-ui-font-family);
  font-size: var(--jp-ui-font-size1);
}
.dw-section {
  height: 100%;
  overflow-y: auto;
}
.dw-body {
  padding: 4px 0 8px;
}
.dw-head,
.dw-away {
  padding: 4px 12px 8px;
}
.dw-head .dw-away {
  padding: 0;
}
.dw-line {
  display: flex;
  align-items: center;
  gap: 8px;
  min-height: 28px;
}
.dw-line strong {
  flex: 1;
  font-size: var(--jp-ui-font-size2);
  font-weight: 600;
  overflow: hidden;
  text-overflow: ellipsis;
  white-space: nowrap;
}
.dw-badge {
  display: inline-flex;
  align-items: center;
  gap: 5px;
  font-size: var(--jp-ui-font-size0);
  font-weight: 600;
  white-space: nowrap;
  color: var(--jp-ui-font-color2);
}
.dw-badge i {
  font-style: normal;
  font-size: 9px;
}
.dw-badge.dw-good,
.dw-finding.dw-good i {
  color: var(--dw-good);
}
.dw-badge.dw-warn,
.dw-finding.dw-warn i {
  color: var(--dw-warn);
}
.dw-badge.dw-bad,
.dw-finding.dw-bad i,
.dw-problem {
  color: var(--dw-bad);
}
.dw-figures {
  display: grid;
  grid-template-columns: repeat(3, 1fr);
  gap: 8px;
  margin: 4px 0 2px;
}
.dw-figure {
  display: flex;
  flex-direction: column;
  min-width: 0;
}
.dw-figure b {
  font-size: var(--jp-ui-font-size2);
  font-weight: 600;
  font-variant-numeric: tabular-nums;
}
.dw-figure span,
.dw-hint {
  color: var(--jp-ui-font-color2);
  font-size: var(--jp-ui-font-size0);
}
.dw-hint,
.dw-problem,
.dw-away p {
  margin: 4px 0;
  line-height: 1.45;
  overflow-wrap: anywhere;
}
.dw-note {
  margin: 4px 12px 8px;
  color: var(--jp-ui-font-color2);
  line-height: 1.45;
}
.dw-start {
  margin: 6px 0;
}
.dw-list .dw-start {
  margin: 4px 12px;
}
.dw-search {
  box-sizing: border-box;
  width: calc(100% - 24px);
  margin: 0 12px 6px;
  padding: 4px 8px;
  border: var(--jp-border-width) solid var(--jp-border-color1);
  border-radius: var(--jp-border-radius);
  background: var(--jp-input-background, var(--jp-layout-color1));
  color: inherit;
  font: inherit;
}
.dw-search:focus {
  outline: none;
  border-color: var(--jp-brand-color1);
  box-shadow: inset 0 0 0 1px var(--jp-brand-color1);
}
.dw-row {
  display: flex;
  align-items: center;
  gap: 6px;
  box-sizing: border-box;
  width: 100%;
  min-height: 26px;
  padding: 2px 12px;
  border: 0;
  background: none;
  color: inherit;
  font: inherit;
  text-align: left;
  cursor: pointer;
}
.dw-row:hover {
  background: var(--jp-layout-color2);
}
.dw-row:focus-visible {
  outline: 2px solid var(--jp-brand-color1);
  outline-offset: -2px;
}
.dw-row-icon {
  display: inline-flex;
  flex: none;
}
.dw-row-icon svg {
  width: 16px;
  height: 16px;
}
.dw-caret {
  flex: none;
  width: 10px;
  color: var(--jp-ui-font-color2);
  font-size: 10px;
}
.dw-name {
  flex: 1;
  min-width: 0;
  overflow: hidden;
  text-overflow: ellipsis;
  white-space: nowrap;
}
.dw-name small,
.dw-count {
  color: var(--jp-ui-font-color2);
  font-size: var(--jp-ui-font-size0);
}
.dw-count {
  flex: none;
  font-variant-numeric: tabular-nums;
}
.dw-group > .dw-row:not(:first-child) {
  padding-left: 36px;
  min-height: 24px;
}
.dw-dot {
  flex: none;
  width: 5px;
  height: 5px;
  border-radius: 50%;
  background: var(--jp-brand-color1);
}
.dw-columns {
  display: flex;
  flex-wrap: wrap;
  gap: 4px;
  padding: 2px 12px 6px 38px;
}
.dw-column {
  padding: 0 6px;
  border-radius: 8px;
  background: var(--jp-layout-color2);
  color: var(--jp-ui-font-color1);
  font-size: var(--jp-ui-font-size0);
  line-height: 17px;
}
.lm-TabBar-tab.dw-has-alerts .lm-TabBar-tabIcon {
  position: relative;
}
.lm-TabBar-tab.dw-has-alerts .lm-TabBar-tabIcon::after {
  content: '';
  position: absolute;
  top: -2px;
  right: -2px;
  width: 7px;
  height: 7px;
  border-radius: 50%;
  background: var(--jp-error-color1);
  box-shadow: 0 0 0 2px var(--jp-layout-color1);
}

/* Pages as tabs; while something is dragged over them the frame must not swallow the mouse. */
.dw-page {
  background: var(--jp-layout-color1);
}
.dw-page iframe {
  display: block;
  width: 100%;
  height: 100%;
  border: 0;
}
body.lm-mod-override-cursor .dw-page iframe {
  pointer-events: none;
}
.dw-page-mark {
  padding: 0 8px;
  color: var(--jp-ui-font-color2);
  font-size: var(--jp-ui-font-size1);
  line-height: 24px;
}

.dw-connect {
  width: min(560px, 80vw);
}
.dw-connect label {
  display: grid;
  grid-template-columns: 72px 1fr;
  align-items: center;
  gap: 8px;
  margin-top: 8px;
}
.dw-connect label.dw-tick {
  display: flex;
  margin: 12px 0 12px 80px;
}
.dw-connect .dw-hint {
  margin: 4px 0 0 80px;
}
.dw-connect input[type='text'] {
  box-sizing: border-box;
  width: 100%;
  font-family: var(--jp-code-font-family);
}
.dw-connect .dw-check {
  width: fit-content;
  margin-left: 80px;
}
.dw-findings {
  max-height: 240px;
  margin-top: 12px;
  overflow-y: auto;
}
.dw-finding {
  display: flex;
  gap: 8px;
  margin: 6px 0;
  line-height: 1.45;
}
.dw-finding i {
  flex: none;
  width: 14px;
  font-style: normal;
  font-weight: 700;
}
.dw-finding code {
  display: block;
  margin-top: 4px;
  padding: 4px 8px;
  background: var(--jp-layout-color2);
  white-space: pre-wrap;
  overflow-wrap: anywhere;
}
`,""]),r.d(o,{},{A:i})},314(e){e.exports=function(e){var o=[];return o.toString=function(){return this.map(function(o){var r="",n=void 0!==o[5];return o[4]&&(r+="@supports (".concat(o[4],") {")),o[2]&&(r+="@media ".concat(o[2]," {")),n&&(r+="@layer".concat(o[5].length>0?" ".concat(o[5]):""," {")),r+=e(o),n&&(r+="}"),o[2]&&(r+="}"),o[4]&&(r+="}"),r}).join("")},o.i=function(e,r,n,t,a){"string"==typeof e&&(e=[[null,e,void 0]]);var i={};if(n)for(var d=0;d<this.length;d++){var p=this[d][0];null!=p&&(i[p]=!0)}for(var l=0;l<e.length;l++){var s=[].concat(e[l]);n&&i[s[0]]||(void 0!==a&&(void 0===s[5]||(s[1]="@layer".concat(s[5].length>0?" ".concat(s[5]):""," {").concat(s[1],"}")),s[5]=a),r&&(s[2]&&(s[1]="@media ".concat(s[2]," {").concat(s[1],"}")),s[2]=r),t&&(s[4]?(s[1]="@supports (".concat(s[4],") {").concat(s[1],"}"),s[4]=t):s[4]="".concat(t)),o.push(s))}},o}},601(e){e.exports=function(e){return e[1]}},665(e,o,r){r.r(o);var n=r(72),t=r.n(n),a=r(825),i=r.n(a),d=r(659),p=r.n(d),l=r(56),s=r.n(l),c=r(540),w=r.n(c),f=r(113),u=r.n(f),g=r(646),h={};h.styleTagTransform=u(),h.setAttributes=s(),h.insert=p().bind(null,"head"),h.domAPI=i(),h.insertStyleElement=w(),t()(g.A,h);let x=g.A&&g.A.locals?g.A.locals:void 0;r.d(o,{},{default:x})},72(e){var o=[];function r(e){for(var r=-1,n=0;n<o.length;n++)if(o[n].identifier===e){r=n;break}return r}function n(e,n){for(var t={},a=[],i=0;i<e.length;i++){var d=e[i],p=n.base?d[0]+n.base:d[0],l=t[p]||0,s="".concat(p," ").concat(l);t[p]=l+1;var c=r(s),w={css:d[1],media:d[2],sourceMap:d[3],supports:d[4],layer:d[5]};if(-1!==c)o[c].references++,o[c].updater(w);else{var f=function(e,o){var r=o.domAPI(o);return r.update(e),function(o){o?(o.css!==e.css||o.media!==e.media||o.sourceMap!==e.sourceMap||o.supports!==e.supports||o.layer!==e.layer)&&r.update(e=o):r.remove()}}(w,n);n.byIndex=i,o.splice(i,0,{identifier:s,updater:f,references:1})}a.push(s)}return a}e.exports=function(e,t){var a=n(e=e||[],t=t||{});return function(e){e=e||[];for(var i=0;i<a.length;i++){var d=r(a[i]);o[d].references--}for(var p=n(e,t),l=0;l<a.length;l++){var s=r(a[l]);0===o[s].references&&(o[s].updater(),o.splice(s,1))}a=p}}},659(e){var o={};e.exports=function(e,r){var n=function(e){if(void 0===o[e]){var r=document.querySelector(e);if(window.HTMLIFrameElement&&r instanceof window.HTMLIFrameElement)try{r=r.contentDocument.head}catch(e){r=null}o[e]=r}return o[e]}(e);if(!n)throw Error("Couldn't find a style target. This probably means that the value for the 'insert' parameter is invalid.");n.appendChild(r)}},540(e){e.exports=function(e){var o=document.createElement("style");return e.setAttributes(o,e.attributes),e.insert(o,e.options),o}},56(e,o,r){e.exports=function(e){var o=r.nc;o&&e.setAttribute("nonce",o)}},825(e){e.exports=function(e){if("u"<typeof document)return{update:function(){},remove:function(){}};var o=e.insertStyleElement(e);return{update:function(r){var n,t,a;n="",r.supports&&(n+="@supports (".concat(r.supports,") {")),r.media&&(n+="@media ".concat(r.media," {")),(t=void 0!==r.layer)&&(n+="@layer".concat(r.layer.length>0?" ".concat(r.layer):""," {")),n+=r.css,t&&(n+="}"),r.media&&(n+="}"),r.supports&&(n+="}"),(a=r.sourceMap)&&"u">typeof btoa&&(n+="\n/*# sourceMappingURL=data:application/json;base64,".concat(btoa(unescape(encodeURIComponent(JSON.stringify(a))))," */")),e.styleTagTransform(n,o,e.options)},remove:function(){var e;null===(e=o).parentNode||e.parentNode.removeChild(e)}}}},113(e){e.exports=function(e,o){if(o.styleSheet)o.styleSheet.cssText=e;else{for(;o.firstChild;)o.removeChild(o.firstChild);o.appendChild(document.createTextNode(e))}}}}]);