//! [`Allowance`]: what a value may still need while it is made.

use crate::error::EncodeErrorKind;
use crate::limits::Limits;

/// The remaining part of [`Limits`] while a value is made.
pub(super) struct Allowance {
    values: u32,
    memory: usize,
}

impl Allowance {
    pub(super) const fn new(limits: &Limits) -> Self {
        Self {
            values: limits.max_values,
            memory: limits.max_memory_bytes,
        }
    }

    pub(super) fn memory(&mut self, bytes: usize) -> Result<(), EncodeErrorKind> {
        let left = self.memory.checked_sub(bytes);
        self.memory = left.ok_or(EncodeErrorKind::TooMuchMemory)?;
        Ok(())
    }

    /// Charges an element of `bytes` bytes, which may count as a value.
    pub(super) fn element(&mut self, bytes: usize, is_value: bool) -> Result<(), EncodeErrorKind> {
        if is_value {
            let left = self.values.checked_sub(1);
            self.values = left.ok_or(EncodeErrorKind::TooManyValues)?;
        }
        self.memory(bytes)
    }
}
