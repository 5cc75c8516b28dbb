// Gives node what the client's websocket classes look for when they are loaded: a browser's
// window. The client finds the package ws by itself only where require() is. Import this first.
import WebSocket from 'ws';

globalThis.window = { WebSocket };
