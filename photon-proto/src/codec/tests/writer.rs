//! Encoding without an intermediate value, and decoding without a copy.

use super::*;

struct ByHand<F>(F);

impl<F: Fn(ValueWriter<'_>) -> Result<Written, EncodeError>> Encode for ByHand<F> {
    fn encode(&self, out: ValueWriter<'_>) -> Result<Written, EncodeError> {
        (self.0)(out)
    }
}

fn by_hand(
    protocol: Protocol,
    write: impl Fn(ValueWriter<'_>) -> Result<Written, EncodeError>,
) -> Result<Vec<u8>, EncodeError> {
    encode_value(protocol, &LIMITS, &ByHand(write))
}

#[test]
fn a_hashtable_encodes_as_the_value_that_holds_it() {
    let entries =
        |value: Value| -> Hashtable { [("x", Value::from(1)), ("y", value)].into_iter().collect() };
    let bad_key = Hashtable(vec![(Value::from(vec![1, 2]), Value::Null)]);
    let null_key = Hashtable(vec![(Value::Null, Value::from(1))]);
    let nested = entries(entries(Value::Null).into());
    for protocol in [V16, V18] {
        for table in [
            Hashtable::default(),
            nested.clone(),
            bad_key.clone(),
            null_key.clone(),
        ] {
            let value = Value::from(table.clone());
            assert_eq!(
                encode_value(protocol, &LIMITS, &table),
                encode_value(protocol, &LIMITS, &value),
                "{value:?}"
            );
        }
    }
}

#[test]
fn a_writer_encodes_the_same_bytes_as_the_value() {
    for protocol in [V16, V18] {
        let same = |written: Result<Vec<u8>, EncodeError>, value: Value| {
            assert_eq!(
                written,
                encode_value(protocol, &LIMITS, &value),
                "{value:?}"
            );
        };
        same(by_hand(protocol, |out| out.null()), Value::Null);
        same(
            by_hand(protocol, |out| None::<i32>.encode(out)),
            Value::Null,
        );
        same(by_hand(protocol, |out| Some(5).encode(out)), 5.into());
        same(by_hand(protocol, |out| out.str("text")), text("text"));
        same(
            by_hand(protocol, |out| out.bytes(&[1, 2])),
            vec![1_u8, 2].into(),
        );
        same(
            by_hand(protocol, |out| out.custom(87, &[1])),
            custom(87, &[1]),
        );
        same(
            by_hand(protocol, |out| out.custom(200, &[1])),
            custom(200, &[1]),
        );
        same(
            by_hand(protocol, |out| out.strings(["a", ""].iter())),
            vec![Text::from("a"), Text::EMPTY].into(),
        );
        same(
            by_hand(protocol, |out| out.ints(&[1, -300])),
            vec![1, -300].into(),
        );
        same(
            by_hand(protocol, |out| out.bools(&[true, false])),
            vec![true, false].into(),
        );
        same(
            by_hand(protocol, |out| out.objects(["a", "b"].iter())),
            object([text("a"), text("b")]),
        );
        same(
            by_hand(protocol, |out| out.hashtable([(1, "x")].into_iter())),
            table([(1.into(), text("x"))]),
        );
        same(
            by_hand(protocol, |out| out.dictionary([("k", 5_u8)].into_iter())),
            map(Type::Object, Type::Object, [(text("k"), 5_u8.into())]),
        );
        same(
            by_hand(protocol, |out| out.value(&1.5_f64.into())),
            1.5_f64.into(),
        );
    }
}

#[test]
fn a_writer_refuses_keys_that_cannot_be() {
    for protocol in [V16, V18] {
        for (key, kind) in [
            (Value::Null, EncodeErrorKind::NullKey),
            (object([]), EncodeErrorKind::ContainerAsKey),
            (vec![1].into(), EncodeErrorKind::ContainerAsKey),
            (table([]), EncodeErrorKind::ContainerAsKey),
        ] {
            let pairs = || [(Value::from(1), 1), (key.clone(), 2)].into_iter();
            for written in [
                by_hand(protocol, |out| out.hashtable(pairs())),
                by_hand(protocol, |out| out.dictionary(pairs())),
            ] {
                let error = written.unwrap_err();
                assert_eq!((error.kind, error.path.as_str()), (kind, "{1}"));
            }
        }
        for write in [
            (|out: ValueWriter<'_>| out.strings(["a"].iter())) as fn(ValueWriter<'_>) -> _,
            |out| out.ints(&[1]),
            |out| out.bools(&[true]),
            |out| out.objects([1].iter()),
            |out| out.hashtable([(1, 1)].into_iter()),
        ] {
            let error = by_hand(protocol, |out| {
                out.hashtable([(ByHand(write), 1)].into_iter())
            })
            .unwrap_err();
            assert_eq!(error.kind, EncodeErrorKind::ContainerAsKey);
        }
        let long = "x".repeat(32_768);
        let error = by_hand(protocol, |out| {
            out.hashtable([(1, ""), (2, &long)].into_iter())
        })
        .unwrap_err();
        assert_eq!(
            (error.kind, error.path.as_str()),
            (EncodeErrorKind::TextTooLong(32_768), "{1}")
        );
    }
}

/// An iterator that announces `announced` elements, whatever it returns.
struct Lying<I> {
    inner: I,
    announced: usize,
}

impl<I: Iterator> Iterator for Lying<I> {
    type Item = I::Item;

    fn next(&mut self) -> Option<I::Item> {
        self.inner.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.announced, Some(self.announced))
    }
}

impl<I: Iterator> ExactSizeIterator for Lying<I> {}

#[test]
fn iterators_that_lie_about_their_length_are_found_out() {
    for protocol in [V16, V18] {
        for announced in [0, 1, 3, 1000] {
            let texts = || Lying {
                inner: ["a", "b"].iter(),
                announced,
            };
            let pairs = || Lying {
                inner: [(1, 1), (2, 2)].into_iter(),
                announced,
            };
            for written in [
                by_hand(protocol, |out| out.strings(texts())),
                by_hand(protocol, |out| out.objects(texts())),
                by_hand(protocol, |out| out.hashtable(pairs())),
                by_hand(protocol, |out| out.dictionary(pairs())),
            ] {
                assert_eq!(written.unwrap_err().kind, EncodeErrorKind::WrongCount);
            }
            // Endless iterators end at the limits.
            let endless = || Lying {
                inner: core::iter::repeat("a"),
                announced,
            };
            assert_eq!(
                by_hand(protocol, |out| out.strings(endless()))
                    .unwrap_err()
                    .kind,
                EncodeErrorKind::TooManyValues
            );
            // They leave no bytes in a message.
            let mut buffer = Vec::new();
            let mut writer = MessageWriter::event(&mut buffer, protocol, &LIMITS, 1).unwrap();
            let error = writer.put_with(9, |out| out.strings(texts())).unwrap_err();
            assert_eq!(
                (error.kind, error.path.as_str()),
                (EncodeErrorKind::WrongCount, "(9)")
            );
            writer.finish().unwrap();
            assert_eq!(buffer.len(), if protocol == V16 { 5 } else { 4 });
        }
    }
}

#[test]
fn written_knows_whether_it_is_null() {
    for protocol in [V16, V18] {
        let mut buffer = Vec::new();
        let mut writer = MessageWriter::event(&mut buffer, protocol, &LIMITS, 1).unwrap();
        assert!(writer.put_with(1, |out| out.null()).unwrap().is_null());
        assert!(
            writer
                .put_with(2, |out| out.value(&Value::Null))
                .unwrap()
                .is_null()
        );
        assert!(!writer.put_with(3, |out| out.str("")).unwrap().is_null());
        assert!(
            !writer
                .put_with(4, |out| out.value(&object([])))
                .unwrap()
                .is_null()
        );
    }
}

#[test]
fn borrowed_values_point_into_the_input() {
    let bytes = unhex("07 02 68 69");
    let Ok(ValueRef::String(text)) = decode_value_ref(V18, &LIMITS, &bytes) else {
        panic!("no text")
    };
    assert!(core::ptr::eq(text.as_bytes(), &bytes[2..]));
    let bytes = unhex("17 01 0B 05");
    let Ok(ValueRef::Container(raw)) = decode_value_ref(V18, &LIMITS, &bytes) else {
        panic!("no container")
    };
    assert_eq!((raw.type_code(), raw.payload()), (0x17, &bytes[1..]));
    assert_eq!(raw.to_value(&LIMITS), Ok(object([5.into()])));
    assert_eq!(read(V18, "17 01 0B 05").heap_bytes(), size_of::<Value>());
}

#[test]
fn a_typed_array_of_bytes_is_a_byte_array_for_every_reader() {
    let bytes = unhex("79 0003 62 01 02 FF");
    let borrowed = decode_value_ref(V16, &LIMITS, &bytes).unwrap();
    assert!(
        matches!(borrowed, ValueRef::Bytes([1, 2, 0xFF])),
        "{borrowed:?}"
    );
    assert_eq!(
        borrowed.to_value(&LIMITS),
        decode_value(V16, &LIMITS, &bytes)
    );
}
