//! The group of the key exchange: Oakley group 1 with generator 22, and powers in it. Spec: wire.md 8.1.
//!
//! Powers are computed in constant time. The base of a public key never changes, so its powers are a
//! table, which saves nine of ten products; the choice from a table reads all entries.

use crypto_bigint::modular::FixedMontyForm;
use crypto_bigint::{CtEq, U768};
use zeroize::Zeroizing;

use super::montgomery::{self, Number, PARAMETERS, multiply};

/// The length of a number in bytes: the 768 bits of the prime.
pub(super) const NUMBER_BYTES: usize = 96;
/// The length of a secret exponent, as in the official client. Spec: wire.md 8.1.
pub(super) const SECRET_BYTES: usize = 20;
/// The generator: 22, where the group of the standard has 2. Spec: wire.md 8.1.
const GENERATOR: U768 = U768::from_u8(22);

/// The teeth of the comb: a choice takes one bit of each 32 of the secret.
const TEETH: usize = 5;
/// How many tables the comb has. More tables need fewer squares; these are 26 KiB.
const TABLES: usize = 8;
/// The bits between two tables, and the steps of the comb.
const STEPS: usize = 32 / TABLES;

/// The bits of a secret for which [`power`] multiplies once, after as many squares. With five, the
/// larger table would cost as much as the fewer products save.
const WINDOW_BITS: usize = 4;

/// The powers of the generator, in Montgomery form: entry `i` of table `b` is the product of all
/// 22^(2^(32 t + 4 b)) for which bit `t` of `i` is set.
static GENERATOR_POWERS: [[Number; 1 << TEETH]; TABLES] = generator_powers();

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
    let mut result = Zeroizing::new(montgomery::ONE);
    for step in (0..STEPS).rev() {
        if step + 1 < STEPS {
            *result = multiply(&result, &result);
        }
        for (table, powers) in GENERATOR_POWERS.iter().enumerate() {
            let power = Zeroizing::new(choose(powers, index(table * STEPS + step)));
            *result = multiply(&result, &power);
        }
    }
    Zeroizing::new(montgomery::leave(&result))
}

/// Computes a power of a number between 1 and the prime minus 1, in constant time for the secret.
pub(super) fn power(base: &U768, secret: &[u8; SECRET_BYTES]) -> Zeroizing<U768> {
    let base = montgomery::enter(base);
    let mut powers = [montgomery::ONE; 1 << WINDOW_BITS];
    let mut next = base;
    for power in powers.iter_mut().skip(1) {
        *power = next;
        next = multiply(&next, &base);
    }
    let windows = secret
        .iter()
        .flat_map(|byte| [byte >> WINDOW_BITS, byte & 0xF]);
    let result = windows
        .map(|window| Zeroizing::new(choose(&powers, u32::from(window))))
        .reduce(|mut result, power| {
            for _ in 0..WINDOW_BITS {
                *result = multiply(&result, &result);
            }
            *result = multiply(&result, &power);
            result
        });
    debug_assert!(result.is_some(), "a secret has windows");
    Zeroizing::new(montgomery::leave(&result.unwrap_or_default()))
}

/// Returns the power with this index. Reads all of them: which memory is read must not depend on a
/// secret.
fn choose<const N: usize>(powers: &[Number; N], index: u32) -> Number {
    debug_assert!((index as usize) < N, "an index is of a table");
    let mut chosen = Number::default();
    for (number, power) in (0_u32..).zip(powers) {
        let mask = number.ct_eq(&index).to_u64_mask();
        for (to, from) in chosen.iter_mut().zip(power) {
            *to |= from & mask;
        }
    }
    chosen
}

/// Computes [`GENERATOR_POWERS`] when this crate is compiled.
#[allow(
    clippy::indexing_slicing,
    long_running_const_eval,
    reason = "a wrong index would fail the compilation; it takes less than a second"
)]
const fn generator_powers() -> [[Number; 1 << TEETH]; TABLES] {
    let mut powers = [[FixedMontyForm::one(&PARAMETERS); 1 << TEETH]; TABLES];
    // The power for the lowest bit of each tooth in each table.
    let mut next = FixedMontyForm::new(&GENERATOR, &PARAMETERS);
    let mut at = 0;
    while at < TEETH * TABLES {
        let (tooth, table) = (at / TABLES, at % TABLES);
        let mut entry = 0;
        while entry < 1 << tooth {
            powers[table][entry | 1 << tooth] = powers[table][entry].mul(&next);
            entry += 1;
        }
        next = next.square_repeat_vartime(STEPS as u32);
        at += 1;
    }
    let mut numbers = [[montgomery::ONE; 1 << TEETH]; TABLES];
    let mut at = 0;
    while at < TABLES << TEETH {
        let (table, entry) = (at >> TEETH, at % (1 << TEETH));
        numbers[table][entry] = montgomery::to_montgomery(&powers[table][entry].retrieve());
        at += 1;
    }
    numbers
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use crypto_bigint::modular::FixedMontyForm;
    use crypto_bigint::{U192, U768};

    use super::{GENERATOR, PARAMETERS, SECRET_BYTES, power, power_of_generator};
    use crate::crypto::montgomery::PRIME;
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
    fn powers_are_those_of_crypto_bigint() {
        let last = PRIME.as_ref().wrapping_sub(&U768::ONE);
        for secret in secrets() {
            let mut padded = [0; U192::BYTES];
            padded[U192::BYTES - SECRET_BYTES..].copy_from_slice(&secret);
            let exponent = U192::from_be_slice(&padded);
            for base in [GENERATOR, last, last.wrapping_sub(&U768::ONE)] {
                let form = FixedMontyForm::new(&base, &PARAMETERS);
                let expected = form.pow_bounded_exp(&exponent, 160).retrieve();
                assert_eq!(*power(&base, &secret), expected, "{base} to the {exponent}");
            }
        }
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
