//! [`Script`]: a setup and the steps that follow it, read from bytes with [`arbitrary`] and written
//! as the bytes that `arbitrary` reads back.
//!
//! A fuzzer has bytes and a harness wants values. `arbitrary` reads the one from the other, so that
//! no target has a byte grammar of its own. The corpora need the opposite direction as well: seeds
//! are written as values, in Rust, and [`Encode`] turns them into the bytes of a file.

mod encode;
mod types;

pub use encode::Encode;
pub(crate) use encode::encode_variant;
pub use types::{List, OneIn, Seldom, UpTo};
pub(crate) use types::{choices, script_types, second};

use arbitrary::{Arbitrary, Result, Unstructured};

/// A setup, and the steps that follow it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Script<Setup, Step> {
    /// The configuration of all parts.
    pub setup: Setup,
    /// The steps, in this order.
    pub steps: Vec<Step>,
}

impl<Setup, Step> Script<Setup, Step> {
    /// Reads a script. All byte strings are scripts: where bytes are missing, they are zero.
    #[must_use]
    pub fn decode<'a>(bytes: &'a [u8]) -> Self
    where
        Setup: Arbitrary<'a>,
        Step: Arbitrary<'a>,
    {
        Unstructured::new(bytes)
            .arbitrary()
            .expect("all byte strings are scripts")
    }

    /// The bytes that [`Script::decode`] reads as this script.
    #[must_use]
    pub fn encode(&self) -> Vec<u8>
    where
        Setup: Encode,
        Step: Encode,
    {
        let mut out = Vec::new();
        self.setup.encode(&mut out);
        for step in &self.steps {
            step.encode(&mut out);
        }
        out
    }
}

impl<'a, Setup: Arbitrary<'a>, Step: Arbitrary<'a>> Arbitrary<'a> for Script<Setup, Step> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let setup = u.arbitrary()?;
        let mut steps = Vec::new();
        // Not `Vec::arbitrary`: it asks before each element whether there is one more, so that half
        // of all random scripts would have no step and hardly any would have ten.
        while !u.is_empty() {
            steps.push(u.arbitrary()?);
        }
        Ok(Self { setup, steps })
    }
}
