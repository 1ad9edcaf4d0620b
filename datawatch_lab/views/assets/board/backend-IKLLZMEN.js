import{a,b}from"./chunk-HXNXXY4O.js";import"./chunk-WOT6VMZA.js";export{b as Http,a as Refused};
