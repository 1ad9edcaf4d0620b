"use strict";(self.rspackChunkdatawatch_lab=self.rspackChunkdatawatch_lab||[]).push([[266],{646(e,t,o){var r=o(601),a=o.n(r),n=o(314),i=(o.n(n))()(a());i.push([e.id,`/* The side bar, tabs and dialog, in JupyterLab's own colours; states have a mark and a word too. */
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

/* An editor shows a still picture and its widgets. Once the kernel of the widgets is gone, the picture
   stands, and where JupyterLab says that it lost a model we say what brings the controls back. */
.jp-OutputArea-child:has(.dw-still) + .jp-OutputArea-child .jp-OutputArea-output:not(:has(*)) {
  font-size: 0;
}
.jp-OutputArea-child:has(.dw-still)
  + .jp-OutputArea-child
  .jp-OutputArea-output:not(:has(*))::after {
  content: "Run the cell to edit it again.";
  color: var(--jp-ui-font-color2);
  font-size: var(--jp-ui-font-size1);
}
`,""]),o.d(t,{},{A:i})},314(e){e.exports=function(e){var t=[];return t.toString=function(){return this.map(function(t){var o="",r=void 0!==t[5];return t[4]&&(o+="@supports (".concat(t[4],") {")),t[2]&&(o+="@media ".concat(t[2]," {")),r&&(o+="@layer".concat(t[5].length>0?" ".concat(t[5]):""," {")),o+=e(t),r&&(o+="}"),t[2]&&(o+="}"),t[4]&&(o+="}"),o}).join("")},t.i=function(e,o,r,a,n){"string"==typeof e&&(e=[[null,e,void 0]]);var i={};if(r)for(var d=0;d<this.length;d++){var p=this[d][0];null!=p&&(i[p]=!0)}for(var l=0;l<e.length;l++){var s=[].concat(e[l]);r&&i[s[0]]||(void 0!==n&&(void 0===s[5]||(s[1]="@layer".concat(s[5].length>0?" ".concat(s[5]):""," {").concat(s[1],"}")),s[5]=n),o&&(s[2]&&(s[1]="@media ".concat(s[2]," {").concat(s[1],"}")),s[2]=o),a&&(s[4]?(s[1]="@supports (".concat(s[4],") {").concat(s[1],"}"),s[4]=a):s[4]="".concat(a)),t.push(s))}},t}},601(e){e.exports=function(e){return e[1]}},665(e,t,o){o.r(t);var r=o(72),a=o.n(r),n=o(825),i=o.n(n),d=o(659),p=o.n(d),l=o(56),s=o.n(l),c=o(540),u=o.n(c),w=o(113),f=o.n(w),h=o(646),g={};g.styleTagTransform=f(),g.setAttributes=s(),g.insert=p().bind(null,"head"),g.domAPI=i(),g.insertStyleElement=u(),a()(h.A,g);let x=h.A&&h.A.locals?h.A.locals:void 0;o.d(t,{},{default:x})},72(e){var t=[];function o(e){for(var o=-1,r=0;r<t.length;r++)if(t[r].identifier===e){o=r;break}return o}function r(e,r){for(var a={},n=[],i=0;i<e.length;i++){var d=e[i],p=r.base?d[0]+r.base:d[0],l=a[p]||0,s="".concat(p," ").concat(l);a[p]=l+1;var c=o(s),u={css:d[1],media:d[2],sourceMap:d[3],supports:d[4],layer:d[5]};if(-1!==c)t[c].references++,t[c].updater(u);else{var w=function(e,t){var o=t.domAPI(t);return o.update(e),function(t){t?(t.css!==e.css||t.media!==e.media||t.sourceMap!==e.sourceMap||t.supports!==e.supports||t.layer!==e.layer)&&o.update(e=t):o.remove()}}(u,r);r.byIndex=i,t.splice(i,0,{identifier:s,updater:w,references:1})}n.push(s)}return n}e.exports=function(e,a){var n=r(e=e||[],a=a||{});return function(e){e=e||[];for(var i=0;i<n.length;i++){var d=o(n[i]);t[d].references--}for(var p=r(e,a),l=0;l<n.length;l++){var s=o(n[l]);0===t[s].references&&(t[s].updater(),t.splice(s,1))}n=p}}},659(e){var t={};e.exports=function(e,o){var r=function(e){if(void 0===t[e]){var o=document.querySelector(e);if(window.HTMLIFrameElement&&o instanceof window.HTMLIFrameElement)try{o=o.contentDocument.head}catch(e){o=null}t[e]=o}return t[e]}(e);if(!r)throw Error("Couldn't find a style target. This probably means that the value for the 'insert' parameter is invalid.");r.appendChild(o)}},540(e){e.exports=function(e){var t=document.createElement("style");return e.setAttributes(t,e.attributes),e.insert(t,e.options),t}},56(e,t,o){e.exports=function(e){var t=o.nc;t&&e.setAttribute("nonce",t)}},825(e){e.exports=function(e){if("u"<typeof document)return{update:function(){},remove:function(){}};var t=e.insertStyleElement(e);return{update:function(o){var r,a,n;r="",o.supports&&(r+="@supports (".concat(o.supports,") {")),o.media&&(r+="@media ".concat(o.media," {")),(a=void 0!==o.layer)&&(r+="@layer".concat(o.layer.length>0?" ".concat(o.layer):""," {")),r+=o.css,a&&(r+="}"),o.media&&(r+="}"),o.supports&&(r+="}"),(n=o.sourceMap)&&"u">typeof btoa&&(r+="\n/*# sourceMappingURL=data:application/json;base64,".concat(btoa(unescape(encodeURIComponent(JSON.stringify(n))))," */")),e.styleTagTransform(r,t,e.options)},remove:function(){var e;null===(e=t).parentNode||e.parentNode.removeChild(e)}}}},113(e){e.exports=function(e,t){if(t.styleSheet)t.styleSheet.cssText=e;else{for(;t.firstChild;)t.removeChild(t.firstChild);t.appendChild(document.createTextNode(e))}}}}]);