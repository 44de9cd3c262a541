//! The group of the key exchange: Oakley group 1 with generator 22, and powers in it. Spec: wire.md 8.1.
//!
//! `crypto-bigint` computes, in constant time. The base of a public key never changes, so its powers
//! are a table, which saves nine of ten products; the choice from it reads all entries.

use crypto_bigint::modular::{FixedMontyForm, FixedMontyParams};
use crypto_bigint::{CtAssign, CtEq, Odd, U192, U768};
use zeroize::Zeroizing;

/// The length of a number in bytes: the 768 bits of the prime.
pub(super) const NUMBER_BYTES: usize = 96;
/// The length of a secret exponent, as in the official client. Spec: wire.md 8.1.
pub(super) const SECRET_BYTES: usize = 20;
/// The same length in bits: the exponentiation processes no more of them.
const SECRET_BITS: u32 = 160;

/// The prime of Oakley group 1. Spec: wire.md 8.1.
pub(super) const PRIME: Odd<U768> = Odd::<U768>::from_be_hex(
    "ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd1\
     29024e088a67cc74020bbea63b139b22514a08798e3404dd\
     ef9519b3cd3a431b302b0a6df25f14374fe1356d6d51c245\
     e485b576625e7ec6f44c42e9a63a3620ffffffffffffffff",
);
/// The generator: 22, where the group of the standard has 2. Spec: wire.md 8.1.
const GENERATOR: U768 = U768::from_u8(22);

static GROUP: FixedMontyParams<{ U768::LIMBS }> = PARAMETERS;
const PARAMETERS: FixedMontyParams<{ U768::LIMBS }> = FixedMontyParams::new_vartime(PRIME);

/// The teeth of the comb: a choice takes one bit of each 32 of the secret.
const TEETH: usize = 5;
/// How many tables the comb has. More tables need fewer squares; these are 24 KiB.
const TABLES: usize = 8;
/// The bits between two tables, and the steps of the comb.
const STEPS: usize = 32 / TABLES;

/// The powers of the generator, in Montgomery form: entry `i` of table `b` is the product of all
/// 22^(2^(32 t + 4 b)) for which bit `t` of `i` is set.
static GENERATOR_POWERS: [[U768; 1 << TEETH]; TABLES] = generator_powers();

/// Computes the public key of a secret exponent, 20 bytes big endian.
pub(super) fn power_of_generator(secret: &[u8; SECRET_BYTES]) -> Zeroizing<U768> {
    let (teeth, _) = secret.as_chunks();
    let index = |bit: usize| {
        let bits = teeth.iter().rev().zip(0_u32..).map(|(tooth, number)| {
            let tooth = u32::from_be_bytes(*tooth);
            (tooth >> bit & 1) << number
        });
        bits.sum::<u32>()
    };
    let mut result = Zeroizing::new(FixedMontyForm::one(&GROUP));
    for step in (0..STEPS).rev() {
        if step + 1 < STEPS {
            *result = result.square();
        }
        for (table, powers) in GENERATOR_POWERS.iter().enumerate() {
            let power = Zeroizing::new(choose(powers, index(table * STEPS + step)));
            let factor = Zeroizing::new(FixedMontyForm::from_montgomery(*power, &GROUP));
            *result = result.mul(&factor);
        }
    }
    Zeroizing::new(result.retrieve())
}

/// Computes a power in constant time for both arguments.
pub(super) fn power(base: &U768, secret: &[u8; SECRET_BYTES]) -> Zeroizing<U768> {
    let mut padded = Zeroizing::new([0_u8; U192::BYTES]);
    for (to, from) in padded.iter_mut().rev().zip(secret.iter().rev()) {
        *to = *from;
    }
    let exponent = Zeroizing::new(U192::from_be_slice(padded.as_slice()));
    let base = Zeroizing::new(FixedMontyForm::new(base, &GROUP));
    let result = Zeroizing::new(base.pow_bounded_exp(&exponent, SECRET_BITS));
    Zeroizing::new(result.retrieve())
}

/// Returns the power with this index. Reads all of them: which memory is read must not depend on a
/// secret.
fn choose<const N: usize>(powers: &[U768; N], index: u32) -> U768 {
    debug_assert!((index as usize) < N, "an index is of a table");
    let mut chosen = U768::ZERO;
    for (number, power) in (0_u32..).zip(powers) {
        chosen.ct_assign(power, number.ct_eq(&index));
    }
    chosen
}

/// Computes [`GENERATOR_POWERS`] when this crate is compiled.
#[allow(
    clippy::indexing_slicing,
    long_running_const_eval,
    reason = "a wrong index would fail the compilation; it takes less than a second"
)]
const fn generator_powers() -> [[U768; 1 << TEETH]; TABLES] {
    let mut powers = [[*FixedMontyForm::one(&PARAMETERS).as_montgomery(); 1 << TEETH]; TABLES];
    // The power for the lowest bit of each tooth in each table.
    let mut next = FixedMontyForm::new(&GENERATOR, &PARAMETERS);
    let mut at = 0;
    while at < TEETH * TABLES {
        let (tooth, table) = (at / TABLES, at % TABLES);
        let mut entry = 0;
        while entry < 1 << tooth {
            let power = FixedMontyForm::from_montgomery(powers[table][entry], &PARAMETERS);
            powers[table][entry | 1 << tooth] = power.mul(&next).to_montgomery();
            entry += 1;
        }
        next = next.square_repeat_vartime(STEPS as u32);
        at += 1;
    }
    powers
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use crypto_bigint::U768;

    use super::{GENERATOR, SECRET_BYTES, power, power_of_generator};
    use crate::random::Random;

    /// Every bit alone, the extremes, and others.
    fn secrets() -> Vec<[u8; SECRET_BYTES]> {
        let mut secrets = alloc::vec![[0; SECRET_BYTES], [0xFF; SECRET_BYTES]];
        for bit in 0..8 * SECRET_BYTES {
            let mut secret = [0; SECRET_BYTES];
            secret[bit / 8] = 1 << (bit % 8);
            secrets.push(secret);
        }
        let mut random = Random::new([9; 32]);
        for _ in 0..50 {
            let mut secret = [0; SECRET_BYTES];
            random.fill("a test", &mut secret);
            secrets.push(secret);
        }
        secrets
    }

    #[test]
    fn the_table_agrees_with_powers() {
        for secret in secrets() {
            assert_eq!(power_of_generator(&secret), power(&GENERATOR, &secret));
        }
        let mut two = [0; SECRET_BYTES];
        two[SECRET_BYTES - 1] = 2;
        assert_eq!(*power_of_generator(&two), U768::from_u32(22 * 22));
    }
}
