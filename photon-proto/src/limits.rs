//! Limits on the cost of a message, and the budget that every decoding path charges.

use crate::error::{DecodeError, DecodeErrorKind};
use crate::repair::Repair;

/// Upper bounds on the cost of one message, in both protocols. Spec: wire.md 4.4.
///
/// Exhaustive, so that a program can write a complete `Limits` in a constant. A new limit is a
/// breaking change: it concerns everybody who has chosen limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The maximum length of a received message, in bytes. Default 1 MiB.
    pub max_received_bytes: usize,
    /// The maximum length of an encoded message, in bytes. Default 512,000.
    pub max_sent_bytes: usize,
    /// The maximum nesting of containers, for decoding and encoding. Default 32: the 33rd level is
    /// an error.
    pub max_depth: u32,
    /// The maximum number of values in a message, including those that take no bytes. Elements of
    /// bool, byte, short, int, long, float and double arrays do not count, only their memory. Each
    /// level of the nested value type that a Dictionary declares counts as a value.
    /// Default 65,536.
    pub max_values: u32,
    /// The maximum memory of a decoded message, in bytes. It is charged before it is reserved.
    /// Default 4 MiB.
    pub max_memory_bytes: usize,
}

impl Limits {
    /// The defaults of wire.md 4.4.
    pub const DEFAULT: Self = Self {
        max_received_bytes: 1024 * 1024,
        max_sent_bytes: 512_000,
        max_depth: 32,
        max_values: 65_536,
        max_memory_bytes: 4 * 1024 * 1024,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// The remaining part of [`Limits`] while a message is decoded.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    depth: u32,
    values: u32,
    memory: usize,
    /// Whether what cannot be decoded is replaced instead of reported.
    tolerant: bool,
    /// Whether a map ends with the first pair that cannot be decoded.
    keeps_begun_map: bool,
    /// The depth at the beginning.
    outermost: u32,
    replaced: u32,
    /// The values and the memory that [`Budget::refund`] took back. Not a [`Spent`], whose padding would
    /// be moved with each message.
    refunded_values: u32,
    refunded_memory: usize,
    /// The values at the beginning.
    max_values: u32,
    /// The steps in which ends were sought.
    steps: u32,
    /// How often memory was charged.
    allocations: u32,
    /// Whether the work of the whole message is limited: that of a message in which what cannot be
    /// decoded costs only itself would otherwise be a multiple of what a message may have.
    limits_work: bool,
    /// What repairs the texts of the message.
    repair: Repair,
    /// The limit that keeps containers from being decoded, because too much was taken back or done.
    exhausted: Option<DecodeErrorKind>,
}

/// How many times as much as is left may be taken back before no container is begun.
///
/// One element with too many values, or a few, must not cost those behind them. But each of a
/// thousand would be decoded up to the value that is too much, and that is most of it.
const MAX_REFUNDED: usize = 4;

/// Work is counted in steps of about 16 instructions: so many for a value that is decoded,
const STEPS_PER_VALUE: u64 = 12;
/// so many more for one with memory of its own, which is also released,
const STEPS_PER_ALLOCATION: u64 = 36;
/// so many at most to decode a message, for each value that it may have: enough for as many values
/// without memory of their own, or for a map with as many keys and values, of which the keys are texts.
const DECODING: u64 = 30;
/// and so many with the search for the ends of what cannot be decoded, for which something has to be
/// left, because whatever is behind a value without an end is lost.
const ALL: u64 = 36;
/// With each of the two, so many more: small limits are not reached by what every message has.
const SPARE: u64 = 4_096;

/// The part of a [`Budget`] that a value uses up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spent {
    values: u32,
    memory: usize,
}

impl Budget {
    pub(crate) const fn new(limits: &Limits) -> Self {
        Self {
            depth: limits.max_depth,
            values: limits.max_values,
            memory: limits.max_memory_bytes,
            tolerant: false,
            keeps_begun_map: false,
            outermost: limits.max_depth,
            replaced: 0,
            refunded_values: 0,
            refunded_memory: 0,
            max_values: limits.max_values,
            steps: 0,
            allocations: 0,
            limits_work: false,
            repair: Repair::new(),
            exhausted: None,
        }
    }

    /// How many more levels of nesting are allowed.
    pub(crate) const fn depth_left(&self) -> u32 {
        self.depth
    }

    /// How many more values fit, as if nothing had been taken back: the work of a value was done
    /// whether it is kept or not.
    pub(crate) const fn values_left(&self) -> u32 {
        self.values.saturating_sub(self.refunded_values)
    }

    /// How many more steps are made in search of the ends of values that cannot be decoded.
    pub(crate) fn steps_left(&self) -> u32 {
        let done = self.decoding_steps() + u64::from(self.steps);
        let left = (u64::from(self.max_values) * ALL + SPARE).saturating_sub(done);
        u32::try_from(left).unwrap_or(u32::MAX)
    }

    /// The work of decoding so far, kept or not, in steps.
    #[inline]
    const fn decoding_steps(&self) -> u64 {
        let values = self.max_values.saturating_sub(self.values_left());
        values as u64 * STEPS_PER_VALUE + self.allocations as u64 * STEPS_PER_ALLOCATION
    }

    /// Counts steps in search of an end.
    pub(crate) const fn use_steps(&mut self, steps: u32) {
        self.steps = self.steps.saturating_add(steps);
    }

    /// Makes decoding replace what it cannot decode. From then on the work is limited, too.
    pub(crate) const fn set_tolerant(&mut self, tolerant: bool) {
        self.tolerant = tolerant;
        self.limits_work |= tolerant;
    }

    /// Counts something that could not be decoded and is replaced, or marked.
    pub(crate) const fn count_replaced(&mut self) {
        self.replaced = self.replaced.saturating_add(1);
    }

    /// How often something was replaced or marked.
    pub(crate) const fn replaced(&self) -> u32 {
        self.replaced
    }

    /// Whether to replace a part that violates a rule, instead of reporting it. Counts it if so.
    #[cold]
    pub(crate) const fn replaces_part(&mut self) -> bool {
        if self.tolerant {
            self.count_replaced();
        }
        self.tolerant
    }

    /// Makes a map end with the first pair that cannot be decoded, where nothing behind it is legible.
    pub(crate) const fn set_keeps_begun_map(&mut self, keeps: bool) {
        self.keeps_begun_map = keeps;
    }

    /// Whether the map that is decoded ends with a pair that cannot be: not one in another value, behind
    /// which decoding would go on.
    #[cold]
    pub(crate) const fn ends_map(&self) -> bool {
        self.keeps_begun_map && self.depth.saturating_add(1) >= self.outermost
    }

    pub(crate) const fn repair(&mut self) -> &mut Repair {
        &mut self.repair
    }

    /// Whether to replace a value in which `kind` was found. Counts it if so.
    #[cold]
    pub(crate) fn replaces_value(&mut self, kind: DecodeErrorKind) -> bool {
        let replaces = match kind {
            // The end of the value cannot be found, and every container around it has tried.
            DecodeErrorKind::Truncated
            | DecodeErrorKind::BadLength
            | DecodeErrorKind::UnknownType(_) => false,
            // Whatever follows would exceed the limit too, so that each container around it would
            // be walked again. Only whole values, and those of the pairs of a map, are replaced.
            DecodeErrorKind::TooManyValues | DecodeErrorKind::TooMuchMemory => {
                self.depth.saturating_add(1) >= self.outermost
            }
            _ => true,
        };
        replaces && self.replaces_part()
    }

    pub(crate) const fn spent(&self) -> Spent {
        Spent {
            values: self.values,
            memory: self.memory,
        }
    }

    /// How much memory may still be charged.
    pub(crate) const fn memory_left(&self) -> usize {
        self.memory
    }

    /// The memory that was charged since.
    pub(crate) const fn memory_since(&self, spent: Spent) -> usize {
        spent.memory.saturating_sub(self.memory)
    }

    /// Takes back what was spent since, for a value that is not kept.
    pub(crate) const fn refund(&mut self, spent: Spent) {
        let values = spent.values.saturating_sub(self.values);
        self.refunded_values = self.refunded_values.saturating_add(values);
        let memory = spent.memory.saturating_sub(self.memory);
        self.refunded_memory = self.refunded_memory.saturating_add(memory);
        self.values = spent.values;
        self.memory = spent.memory;
        if self.refunded_values as usize / MAX_REFUNDED > spent.values as usize {
            self.exhausted = Some(DecodeErrorKind::TooManyValues);
        } else if self.refunded_memory / MAX_REFUNDED > spent.memory {
            self.exhausted = Some(DecodeErrorKind::TooMuchMemory);
        }
    }

    /// Runs `read` inside a container, one level deeper. `offset` is the position of the container.
    /// Once too much was taken back or done, no container is begun.
    #[inline]
    pub(crate) fn nested<T>(
        &mut self,
        offset: usize,
        read: impl FnOnce(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<T, DecodeError> {
        if let Some(kind) = self.exhausted {
            return Err(DecodeError::new(kind, offset, "container"));
        }
        let outside = self.depth;
        self.depth = outside.checked_sub(1).ok_or(DecodeError::new(
            DecodeErrorKind::TooDeep,
            offset,
            "container",
        ))?;
        let result = read(self);
        self.depth = outside;
        result
    }

    /// Charges `count` values.
    #[inline]
    pub(crate) fn values(
        &mut self,
        count: usize,
        offset: usize,
        field: &'static str,
    ) -> Result<(), DecodeError> {
        let left = u32::try_from(count)
            .ok()
            .and_then(|count| self.values.checked_sub(count));
        self.values = left.ok_or(DecodeError::new(
            DecodeErrorKind::TooManyValues,
            offset,
            field,
        ))?;
        Ok(())
    }

    /// Returns an error if `count` values are more than are left. Charges nothing.
    ///
    /// Each element of a list is charged when it is decoded. Of a list that has too many, all that are
    /// left would be decoded, and dropped.
    #[inline]
    pub(crate) fn has_values(
        &self,
        count: usize,
        offset: usize,
        field: &'static str,
    ) -> Result<(), DecodeError> {
        if count > self.values as usize {
            let kind = DecodeErrorKind::TooManyValues;
            return Err(DecodeError::new(kind, offset, field));
        }
        Ok(())
    }

    /// Charges `count` elements of `size` bytes each, before their memory is reserved. They have one
    /// allocation, which is work.
    #[inline]
    pub(crate) fn memory(
        &mut self,
        count: usize,
        size: usize,
        offset: usize,
        field: &'static str,
    ) -> Result<(), DecodeError> {
        let allocates = count > 0 && size > 0;
        self.allocations = self.allocations.saturating_add(u32::from(allocates));
        // The work is not added up while nothing but that of allocations could reach the limit: this is
        // called for each text.
        let few = self.allocations <= self.max_values / 2;
        let most = u64::from(self.max_values) * DECODING + SPARE;
        debug_assert!(
            !few || self.decoding_steps() <= most,
            "with all values, so few allocations are within the limit"
        );
        if self.limits_work && !few && self.decoding_steps() > most {
            return Err(self.exhaust(offset, field));
        }
        self.memory_of_others(count, size, offset, field)
    }

    /// Notes that decoding has taken as many steps as it may.
    #[cold]
    const fn exhaust(&mut self, offset: usize, field: &'static str) -> DecodeError {
        let kind = DecodeErrorKind::TooManyValues;
        self.exhausted = Some(kind);
        DecodeError::new(kind, offset, field)
    }

    /// Charges `count` elements of `size` bytes each, for which the caller of the decoder has memory.
    #[inline]
    pub(crate) fn memory_of_others(
        &mut self,
        count: usize,
        size: usize,
        offset: usize,
        field: &'static str,
    ) -> Result<(), DecodeError> {
        let left = count
            .checked_mul(size)
            .and_then(|bytes| self.memory.checked_sub(bytes));
        self.memory = left.ok_or(DecodeError::new(
            DecodeErrorKind::TooMuchMemory,
            offset,
            field,
        ))?;
        Ok(())
    }
}
