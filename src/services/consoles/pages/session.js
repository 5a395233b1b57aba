/** What the two console pages have in common: where to connect to, and what is said of it. */

const query = new URLSearchParams(location.search);
// the token leaves the address bar, where it would be seen, copied and kept; a reload still finds it
if (location.search !== '') history.replaceState(location.search, '', location.pathname);
const given = location.search === '' && typeof history.state === 'string' ? new URLSearchParams(history.state) : query;

export const wish = {
  title: given.get('title'),
  viewOnly: given.get('view_only') === 'true',
};

const path = given.get('path') ?? (given.has('token') ? `?token=${encodeURIComponent(given.get('token') ?? '')}` : '');
const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:';

/** A connection to the console; only ever to where this page comes from. */
export function connect() {
  const socket = new WebSocket(`${scheme}//${location.host}/${path.replace(/^[/\\]+/, '')}`, ['binary', 'kilonova.reasons']);
  socket.binaryType = 'arraybuffer';
  return socket;
}

const state = document.getElementById('state');
const again = document.getElementById('again');

/** @param {string} text @param {boolean} open */
export function tell(text, open) {
  state.textContent = text;
  state.dataset.open = open ? 'yes' : 'no';
  again.hidden = open;
}

/** Why a connection ended, in words. @param {CloseEvent} event */
export const reasonOf = ({ code, reason }) => {
  if (code === 4401) return `${reason} Ask for a new console: its link opens it for a few minutes.`;
  if (reason !== '') return reason;
  return code === 1006 ? 'The console proxy does not answer, or the connection broke.' : 'The console was closed.';
};

/** @param {() => void} start */
export function run(start) {
  const title = document.getElementById('title');
  if (wish.title !== null) {
    title.textContent = wish.title;
    document.title = wish.title;
  }
  again.addEventListener('click', start);
  start();
}
