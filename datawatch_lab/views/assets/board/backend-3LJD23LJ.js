import{a,b}from"./chunk-EZFDVQ3Y.js";import"./chunk-WOT6VMZA.js";export{b as Http,a as Refused};
