package zone

import (
	"bytes"
	"crypto/sha256"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

func TestADecryptedChunkIsErasedWhenItIsReleased(t *testing.T) {
	alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer alloc.AssertSize(t, 0)
	b := array.NewStringBuilder(memory.DefaultAllocator)
	defer b.Release()
	for range 20 {
		b.Append("张三的身份证")
	}
	arr := b.NewArray()
	defer arr.Release()
	plain, err := encode(memory.DefaultAllocator, arr)
	if err != nil {
		t.Fatal(err)
	}
	out, err := decodeIPC(alloc, plain)
	if err != nil {
		t.Fatal(err)
	}
	if out.Len() != 20 || out.ValueStr(19) != "张三的身份证" || !bytes.Contains(plain, []byte("张三")) {
		t.Fatalf("control: the chunk decodes to %v", out)
	}
	out.Release()
	if n := len(bytes.TrimLeft(plain, "\x00")); n > 0 {
		t.Errorf("%d bytes are left", n)
	}
	for cut := range 200 {
		part := bytes.Clone(plain[:cut])
		if _, err := decodeIPC(alloc, part); err == nil {
			t.Errorf("%d bytes of a chunk decode", cut)
		}
	}
}

func TestAMemoIsBounded(t *testing.T) {
	m := newMemo[int](100)
	id := func(i int) [sha256.Size]byte { return [sha256.Size]byte{byte(i)} }
	for i := range 20 {
		m.put(id(i), "z", i, 10)
		m.get(id(0))
	}
	if _, ok := m.get(id(0)); !ok {
		t.Error("what is used all the time was dropped")
	}
	if v, ok := m.get(id(19)); !ok || v != 19 {
		t.Errorf("the last is %d, %v", v, ok)
	}
	if _, ok := m.get(id(5)); ok || m.used != 100 || m.order.Len() != 10 {
		t.Errorf("%d bytes in %d values, want 100 in 10", m.used, m.order.Len())
	}
	m.put(id(30), "z", 30, 101)
	if _, ok := m.get(id(30)); ok {
		t.Error("a value above the limit is kept")
	}
	m.forget("")
	if m.used != 0 || len(m.byID) != 0 {
		t.Errorf("%d bytes are left of everything", m.used)
	}
}
