//! [`Encode`]: the inverse of [`arbitrary::Arbitrary`].

/// A value that can be written as the bytes that `arbitrary` reads as this value.
///
/// `arbitrary` reads fixed-size values from the front, field by field. It takes the lengths of
/// slices and strings from the end of the bytes, where a writer would have to know everything that
/// follows. Scripts have no slices for that reason: see [`List`](super::List).
pub trait Encode {
    /// Appends the bytes of this value.
    fn encode(&self, out: &mut Vec<u8>);
}

/// Numbers are little-endian.
macro_rules! encode_numbers {
    ($($number:ty),*) => {
        $(
            impl Encode for $number {
                fn encode(&self, out: &mut Vec<u8>) {
                    out.extend_from_slice(&self.to_le_bytes());
                }
            }
        )*
    };
}

encode_numbers!(u8, u16, u32, i32);

impl Encode for bool {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }
}

impl<T: Encode> Encode for Option<T> {
    fn encode(&self, out: &mut Vec<u8>) {
        self.is_some().encode(out);
        if let Some(value) = self {
            value.encode(out);
        }
    }
}

/// Appends the choice of a variant, by its name among all names of the enum: the smallest number for
/// which `number * count >> 32` is its index, which is how a derived `Arbitrary` chooses.
pub(crate) fn encode_variant(name: &str, all: &[&str], out: &mut Vec<u8>) {
    let index = all.iter().position(|one| *one == name);
    let index = index.expect("a variant of this enum") as u64;
    let number = (index << 32).div_ceil(all.len() as u64);
    let number = u32::try_from(number).expect("the index is below the count");
    number.encode(out);
}
