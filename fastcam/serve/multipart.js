// Yield the parts of a multipart answer, each once it is whole: the picture, and the result of that same frame. The
// parts have their length.
export async function* partsOf(reader) {
  let held = new Uint8Array();
  for (let { value, done } = await reader.read(); !done; { value, done } = await reader.read()) {
    const joined = new Uint8Array(held.length + value.length);
    joined.set(held);
    joined.set(value, held.length);
    held = joined;
    for (let head = headOf(held); head; head = headOf(held)) {
      const stop = head.length + Number(/Content-Length: (\d+)/.exec(head)[1]);
      if (held.length < stop) break;
      yield { found: JSON.parse(/X-Found: (.*)\r\n/.exec(head)[1]), body: held.slice(head.length, stop) };
      held = held.slice(stop);
    }
  }
}

// Return a part's head, in ASCII, with the empty line that ends it; undefined before that line has come.
function headOf(bytes) {
  for (let k = 3; k < bytes.length; k++) {
    if (bytes[k] === 10 && bytes[k - 1] === 13 && bytes[k - 2] === 10 && bytes[k - 3] === 13) {
      return new TextDecoder().decode(bytes.subarray(0, k + 1));
    }
  }
}
