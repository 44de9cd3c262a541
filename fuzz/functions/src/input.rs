//! [`Input`]: the choices in front of an input that is otherwise passed on as bytes.

/// The bytes that are not read yet. Missing ones are zero.
#[derive(Clone, Copy)]
pub(crate) struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// All of them.
    pub(crate) const fn rest(self) -> &'a [u8] {
        self.0
    }

    pub(crate) fn u8(&mut self) -> u8 {
        let Some((&first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        first
    }

    /// A byte as a flag: its lowest bit.
    pub(crate) fn flag(&mut self) -> bool {
        self.u8() & 1 == 1
    }

    /// At most `max` bytes, with their number in front.
    pub(crate) fn bytes(&mut self, max: u8) -> &'a [u8] {
        let count = usize::from(self.u8()).min(max.into()).min(self.0.len());
        let (taken, rest) = self.0.split_at(count);
        self.0 = rest;
        taken
    }
}
