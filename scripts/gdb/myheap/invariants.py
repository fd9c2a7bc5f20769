"""The heap check, from outside: one function an invariant. Each gives the places where it is broken,
as (address, sentence). The stage's own comment says which number an invariant has; a check is found
by the invariant's words, so that a stage with other rules is not held to these."""
from . import stages
from .heap import ALIGNMENT


def order(heap):
    if heap.broken:
        yield heap.broken[0].address, heap.broken[1]
    for last, chunk in heap.pairs():
        if last is not heap.base and chunk.address < last.end and not size_fault(heap, last):
            yield last.address, "ends at %s, inside the chunk at %s" % (
                heap.name(last.end), heap.name(chunk.address))


def way_back(heap):
    last = heap.base
    for last, chunk in heap.pairs():
        if chunk.prev != last.address:
            yield chunk.address, "prev is %s, the chunk before is %s" % (
                heap.name(chunk.prev), heap.name(last.address))
    last = heap.chunks[-1] if heap.chunks else heap.base
    if heap.base.prev != last.address and not heap.behind:
        yield heap.base.address, "prev is %s, the last chunk%s is %s" % (
            heap.name(heap.base.prev), " that next leads to" if heap.broken else "",
            heap.name(last.address))


def size_fault(heap, chunk):
    if chunk.size == 0:
        return "size is 0"
    if chunk.size % ALIGNMENT:
        return "size is %d, not a multiple of %d" % (chunk.size, ALIGNMENT)
    if chunk.size > heap.high - chunk.payload:
        return "size is %d, but the heap ends after %d" % (chunk.size, heap.high - chunk.payload)
    return None


def sizes(heap):
    for chunk in heap.chunks:
        fault = size_fault(heap, chunk)
        if fault:
            yield chunk.address, fault


def data(heap):
    for chunk in heap.chunks:
        if chunk.data != chunk.payload:
            yield chunk.address, "data is %s, the payload begins at %s" % (
                heap.name(chunk.data), heap.name(chunk.payload))


def no_free_pair(heap):
    for last, chunk in heap.pairs():
        if last.free and chunk.free and heap.touch(last, chunk):
            yield last.address, "free, and so is the chunk at %s, where it ends" % heap.name(chunk.address)


# In the words of the stages.
KNOWN = {
    "Going by next from base, chunks come in address order, aligned, inside the heap, without "
    "overlap, and the ring ends at base.": order,
    "prev is the way back: chunk->next->prev == chunk.": way_back,
    "size is a multiple of ALIGNMENT, not 0, and ends inside the heap.": sizes,
    "data points right behind the header. That makes a pointer ours.": data,
    "No two free chunks touch.": no_free_pair,
}


def check(heap):
    """[(number, text, places)]; places is None for an invariant that only its stage can check."""
    texts = stages.invariants(heap.inspect.stage)
    if not texts: # nobody's stage: a list of chunks keeps at least these
        texts = dict(enumerate(KNOWN, 1))
        texts = {n: text for n, text in texts.items() if n <= max(4, heap.inspect.invariants)}
    return [(n, text, list(KNOWN[text](heap)) if text in KNOWN else None)
            for n, text in sorted(texts.items())]
