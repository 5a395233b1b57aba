import RFB from './novnc/core/rfb.js';
import { connect, reasonOf, run, tell, wish } from './session.js';

const screen = document.getElementById('screen');
const keys = document.getElementById('keys');
let current = null;

function start() {
  tell('Connecting…', true);
  const socket = connect();
  // noVNC does not hand on why a connection was closed
  let reason = null;
  socket.addEventListener('close', (event) => {
    reason = reasonOf(event);
    if (current === rfb) tell(reason, false);
  });
  const rfb = new RFB(screen, socket, { shared: true });
  current = rfb;
  rfb.scaleViewport = true;
  rfb.viewOnly = wish.viewOnly;
  rfb.background = 'transparent';
  rfb.addEventListener('connect', () => {
    tell('Connected', true);
    keys.hidden = wish.viewOnly;
    rfb.focus();
  });
  rfb.addEventListener('securityfailure', (event) => (reason = event.detail.reason ?? 'The screen refuses viewers.'));
  rfb.addEventListener('disconnect', () => {
    keys.hidden = true;
    tell(reason ?? 'The console was closed.', false);
  });
}

keys.addEventListener('click', () => {
  current?.sendCtrlAltDel();
  current?.focus();
});
run(start);
