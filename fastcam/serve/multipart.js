// The bodies of the parts of a multipart answer, each as soon as it is whole; the parts tell their length.
export async function* partsOf(reader) {
  let held = new Uint8Array();
  for (let { value, done } = await reader.read(); !done; { value, done } = await reader.read()) {
    const joined = new Uint8Array(held.length + value.length);
    joined.set(held);
    joined.set(value, held.length);
    held = joined;
    for (;;) {
      const head = /Content-Length: (\d+)[^]*?\r\n\r\n/.exec(new TextDecoder().decode(held.subarray(0, 300)));
      const start = head ? head.index + head[0].length : Infinity;
      const stop = start + Number(head?.[1]);
      if (!(held.length >= stop)) break;
      yield held.slice(start, stop);
      held = held.slice(stop);
    }
  }
}
