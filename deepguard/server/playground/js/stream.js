/** The call's live events. */

const RETRY_MS = 3_000;

/**
 * Follows a call's live events until closed, connecting again whenever they break off.
 *
 * @param {string} url
 * @param {function(object)} onEvent Each event, in order.
 * @param {function("open"|"lost")} onState Whether events arrive.
 * @returns {function()} Ends it.
 */
export function followEvents(url, onEvent, onState) {
  let source;
  let retry;
  const open = () => {
    source = new EventSource(url);
    source.onopen = () => onState("open");
    source.onmessage = (message) => onEvent(JSON.parse(message.data));
    source.onerror = () => {
      onState("lost");
      // The browser tries again by itself after a break, but not after a refusal.
      if (source.readyState === EventSource.CLOSED) retry = setTimeout(open, RETRY_MS);
    };
  };
  open();
  return () => {
    clearTimeout(retry);
    source.close();
  };
}
