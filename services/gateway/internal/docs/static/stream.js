// Shows the stream of events that the query of this page names, newest first.

const shown = 100;
const types = ['account', 'audio'].flatMap((resource) =>
  ['created', 'updated', 'deleted'].map((change) => `concha.${resource}.${change}.v1`));

const address = new URL(new URLSearchParams(location.search).get('url') ?? '', location.origin);
const state = document.getElementById('state');
const events = document.getElementById('events');

function show({ data }) {
  const entry = document.createElement('pre');
  entry.textContent = JSON.stringify(JSON.parse(data), null, 2);
  events.prepend(entry);
  while (events.childElementCount > shown) {
    events.lastElementChild.remove();
  }
}

if (address.origin === location.origin && address.pathname.startsWith('/v1/events/')) {
  const stream = new EventSource(address);
  stream.onopen = () => { state.textContent = `Following ${address.pathname}.`; };
  stream.onerror = () => {
    state.textContent = stream.readyState === EventSource.CLOSED
      ? `${address.pathname} refused the stream. If it needs a key, use curl with a header Authorization.`
      : 'The connection broke. Connecting again.';
  };
  types.forEach((type) => stream.addEventListener(type, show));
} else {
  state.textContent = 'The address of this page must name a stream: /docs/stream?url=/v1/events/accounts';
}
