import { FitAddon } from './xterm/addon-fit.mjs';
import { Terminal } from './xterm/xterm.mjs';
import { connect, reasonOf, run, tell, wish } from './session.js';

const terminal = new Terminal({ cursorBlink: true, scrollback: 5000, disableStdin: wish.viewOnly, theme: { background: '#15171a' } });
const fit = new FitAddon();
terminal.loadAddon(fit);
terminal.open(document.getElementById('serial'));
fit.fit();
addEventListener('resize', () => fit.fit());

const encoder = new TextEncoder();
let socket = null;
const send = (bytes) => {
  if (socket?.readyState === WebSocket.OPEN) socket.send(bytes);
};
terminal.onData((text) => send(encoder.encode(text)));
terminal.onBinary((text) => send(Uint8Array.from(text, (character) => character.charCodeAt(0))));

function start() {
  tell('Connecting…', true);
  const mine = connect();
  socket = mine;
  mine.addEventListener('open', () => {
    tell('Connected. Press Enter to see the prompt.', true);
    terminal.focus();
  });
  mine.addEventListener('message', (event) => terminal.write(typeof event.data === 'string' ? event.data : new Uint8Array(event.data)));
  mine.addEventListener('close', (event) => {
    if (socket === mine) tell(reasonOf(event), false);
  });
}
run(start);
