//! Numbers modulo the prime of Oakley group 1, and their powers. Spec: wire.md 8.1.
//!
//! `crypto-bigint` does the same for any odd modulus, with three times as many instructions for a
//! login. Two facts make the difference. The lowest 64 bits of this prime are ones, so a step of
//! Montgomery's reduction needs no multiplication to find its factor, and half of the products of a
//! square are equal. And the base of a public key never changes, so its powers are a table.
//!
//! Constant time: multiplication, square, the powers and the choice from a table execute the same
//! instructions and touch the same memory, whatever the numbers are. It relies, like all code
//! without assembly, on a multiplication of the processor that takes the same time for all operands,
//! and on a compiler that makes no branch of a mask ([`choose`] hides it from the compiler).

use core::array;
use core::hint::black_box;

use crypto_bigint::modular::{FixedMontyForm, FixedMontyParams};
use crypto_bigint::{Odd, U768, Word};
use zeroize::{Zeroize, Zeroizing};

/// The length of a number in bytes: the 768 bits of the prime.
pub(super) const NUMBER_BYTES: usize = 96;
/// The length of a secret exponent, as in the official client. Spec: wire.md 8.1.
pub(super) const SECRET_BYTES: usize = 20;

/// The prime of Oakley group 1. Spec: wire.md 8.1.
pub(super) const PRIME: Odd<U768> = Odd::<U768>::from_be_hex(
    "ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd1\
     29024e088a67cc74020bbea63b139b22514a08798e3404dd\
     ef9519b3cd3a431b302b0a6df25f14374fe1356d6d51c245\
     e485b576625e7ec6f44c42e9a63a3620ffffffffffffffff",
);
/// The generator: 22, where the group of the standard has 2. Spec: wire.md 8.1.
const GENERATOR: U768 = U768::from_u8(22);

/// The words of a number.
const WORDS: usize = 12;
/// A number, its lowest word first.
type Words = [u64; WORDS];
/// A product before its reduction.
type Product = [u64; 2 * WORDS];

const PRIME_WORDS: Words = words(PRIME.as_ref());
/// The words of the prime above the lowest one.
const PRIME_TAIL: [u64; WORDS - 1] = {
    let [lowest, tail @ ..] = PRIME_WORDS;
    assert!(lowest == u64::MAX, "the reduction relies on it");
    tail
};
/// 2^1536 modulo the prime: a product with it is a number in Montgomery form.
const TO_MONTGOMERY: Words = words(
    &FixedMontyForm::new(
        FixedMontyForm::one(&PARAMETERS).as_montgomery(),
        &PARAMETERS,
    )
    .to_montgomery(),
);
const PARAMETERS: FixedMontyParams<{ U768::LIMBS }> = FixedMontyParams::new_vartime(PRIME);

/// The bits of a secret that one choice from a table covers.
const WINDOW_BITS: u32 = 4;

/// The teeth of the comb: a choice takes one bit of each 32 of the secret.
const TEETH: usize = 5;
/// How many tables the comb has. More tables need fewer squares; these are 24 KiB.
const TABLES: usize = 8;
/// The bits between two tables, and the steps of the comb.
const STEPS: usize = 32 / TABLES;

/// The powers of the generator: entry `i` of table `b` is the product of all 22^(2^(32 t + 4 b)) for
/// which bit `t` of `i` is set.
static GENERATOR_POWERS: [[Residue; 1 << TEETH]; TABLES] = generator_powers();

/// A number modulo the prime in Montgomery form, times 2^768. It may exceed the prime, but not 768
/// bits: only [`Residue::number`] needs to know the remainder.
#[derive(Clone, Copy)]
pub(super) struct Residue(Words);

impl Zeroize for Residue {
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}

impl Residue {
    /// 2^768 minus the prime, the remainder of 2^768.
    const ONE: Self = Self(words(FixedMontyForm::one(&PARAMETERS).as_montgomery()));

    fn new(number: &U768) -> Self {
        Self(words(number)).times(&Self(TO_MONTGOMERY))
    }

    /// The number, below the prime.
    fn number(&self) -> U768 {
        let mut product = Zeroizing::new([0; 2 * WORDS]);
        if let Some(low) = product.first_chunk_mut() {
            *low = self.0;
        }
        let reduced = Zeroizing::new(reduce(&mut product));
        // The reduction of less than 2^768 is at most the prime, and the prime only for 0, which no
        // power of a number from 1 to the prime minus 1 is.
        let mut bytes = Zeroizing::new([0; NUMBER_BYTES]);
        let (places, _) = bytes.as_chunks_mut();
        for (place, word) in places.iter_mut().rev().zip(reduced.iter()) {
            *place = word.to_be_bytes();
        }
        let number = U768::from_be_slice(bytes.as_slice());
        debug_assert!(number < *PRIME.as_ref(), "zero is never an argument");
        number
    }

    fn times(&self, other: &Self) -> Self {
        let mut product = [0; 2 * WORDS];
        for (at, word) in self.0.iter().enumerate() {
            if let Some((to, above)) = place::<WORDS>(&mut product, at) {
                *above = add_multiple(to, &other.0, *word);
            }
        }
        Self(reduce(&mut product))
    }

    /// The square: each product of two different words once, all that twice, and the squares of the
    /// words.
    fn square(&self) -> Self {
        let mut product = [0; 2 * WORDS];
        // A loop over the lengths would cost half as much again: with a constant length the
        // compiler unrolls each.
        add_products::<11>(&mut product, &self.0);
        add_products::<10>(&mut product, &self.0);
        add_products::<9>(&mut product, &self.0);
        add_products::<8>(&mut product, &self.0);
        add_products::<7>(&mut product, &self.0);
        add_products::<6>(&mut product, &self.0);
        add_products::<5>(&mut product, &self.0);
        add_products::<4>(&mut product, &self.0);
        add_products::<3>(&mut product, &self.0);
        add_products::<2>(&mut product, &self.0);
        add_products::<1>(&mut product, &self.0);
        let (mut shifted_out, mut carry) = (0, 0);
        let (pairs, _) = product.as_chunks_mut();
        for ([low, high], word) in pairs.iter_mut().zip(&self.0) {
            let twice_low = *low << 1 | shifted_out;
            let twice_high = *high << 1 | *low >> 63;
            shifted_out = *high >> 63;
            let (sum_low, sum_high) = multiply_add(*word, *word, twice_low, carry);
            let (sum_high, over) = sum_high.overflowing_add(twice_high);
            carry = u64::from(over);
            (*low, *high) = (sum_low, sum_high);
        }
        debug_assert_eq!((shifted_out, carry), (0, 0), "a square has 1536 bits");
        Self(reduce(&mut product))
    }
}

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
    let mut result = Zeroizing::new(Residue::ONE);
    for step in (0..STEPS).rev() {
        if step + 1 < STEPS {
            *result = result.square();
        }
        for (table, powers) in GENERATOR_POWERS.iter().enumerate() {
            let factor = Zeroizing::new(choose(powers, index(table * STEPS + step)));
            *result = result.times(&factor);
        }
    }
    Zeroizing::new(result.number())
}

/// Computes a power of a number from 1 to the prime minus 1.
pub(super) fn power(base: &U768, secret: &[u8; SECRET_BYTES]) -> Zeroizing<U768> {
    let base = Residue::new(base);
    let mut next = Residue::ONE;
    let powers: [Residue; 1 << WINDOW_BITS] = array::from_fn(|_| {
        let power = next;
        next = next.times(&base);
        power
    });
    let mut windows = secret
        .iter()
        .flat_map(|byte| [byte >> WINDOW_BITS, byte & 0xF]);
    let first = windows.next().unwrap_or_default();
    let mut result = Zeroizing::new(choose(&powers, u32::from(first)));
    for window in windows {
        for _ in 0..WINDOW_BITS {
            *result = result.square();
        }
        let factor = Zeroizing::new(choose(&powers, u32::from(window)));
        *result = result.times(&factor);
    }
    Zeroizing::new(result.number())
}

/// Returns the power with this index. Reads all of them: which memory is read must not depend on a
/// secret. (Inlined, it would need twice as many instructions, for lack of registers.)
#[inline(never)]
fn choose<const N: usize>(powers: &[Residue; N], index: u32) -> Residue {
    debug_assert!((index as usize) < N, "an index is of a table");
    let mut chosen = [0; WORDS];
    for (number, power) in (0_u32..).zip(powers) {
        let difference = u64::from(number ^ index);
        // All bits if the difference is 0, no bit otherwise.
        let mask = black_box((difference.wrapping_sub(1) >> 63).wrapping_neg());
        for (to, word) in chosen.iter_mut().zip(&power.0) {
            *to |= word & mask;
        }
    }
    Residue(chosen)
}

/// Adds a multiple of a number and returns the carry.
#[inline(always)]
fn add_multiple<const LENGTH: usize>(
    to: &mut [u64; LENGTH],
    number: &[u64; LENGTH],
    factor: u64,
) -> u64 {
    let mut carry = 0;
    for (to, word) in to.iter_mut().zip(number) {
        (*to, carry) = multiply_add(*word, factor, *to, carry);
    }
    carry
}

/// Adds the products of one word with the `LENGTH` words above it, which are the last ones.
#[inline(always)]
fn add_products<const LENGTH: usize>(product: &mut Product, number: &Words) {
    let Some((above, rest)) = number
        .split_last_chunk::<LENGTH>()
        .map(|(low, high)| (high, low))
    else {
        return;
    };
    let Some((factor, below)) = rest.split_last() else {
        return;
    };
    if let Some((to, carry)) = place(product, 2 * below.len() + 1) {
        *carry = add_multiple(to, above, *factor);
    }
}

/// The words from a position on, and the one above them.
#[inline(always)]
fn place<const LENGTH: usize>(
    product: &mut Product,
    at: usize,
) -> Option<(&mut [u64; LENGTH], &mut u64)> {
    let (words, above) = product.get_mut(at..)?.split_first_chunk_mut()?;
    Some((words, above.first_mut()?))
}

/// The two words of `word` times `factor` plus `addend` plus `carry`, which always fit.
#[inline(always)]
fn multiply_add(word: u64, factor: u64, addend: u64, carry: u64) -> (u64, u64) {
    // In this order, and with the carry as a bit, the compiler needs the fewest instructions.
    let (low, over) = addend.overflowing_add(carry);
    let both = u128::from(low) | u128::from(over) << 64;
    let sum = u128::from(word) * u128::from(factor) + both;
    (sum as u64, (sum >> 64) as u64)
}

/// Divides by 2^768 modulo the prime, and overwrites the product. The result is below 2^768.
///
/// Each step adds the multiple of the prime that makes the lowest word 0. As the lowest word of the
/// prime is minus 1, the factor is that word itself, and adding the product of both leaves the
/// factor as the carry.
fn reduce(product: &mut Product) -> Words {
    let mut over = 0;
    for at in 0..WORDS {
        let Some(([factor, to @ ..], above)) = place::<WORDS>(product, at) else {
            debug_assert!(false, "a product has twice the words");
            break;
        };
        let mut carry = *factor;
        for (to, word) in to.iter_mut().zip(&PRIME_TAIL) {
            (*to, carry) = multiply_add(*word, *factor, *to, carry);
        }
        let sum = u128::from(*above) + u128::from(carry) + u128::from(over);
        (*above, over) = (sum as u64, (sum >> 64) as u64);
    }
    // At most 2^768 plus the prime: after one subtraction it fits.
    let mask = over.wrapping_neg();
    let mut result = [0; WORDS];
    let mut borrow = 0;
    let upper = product.iter().skip(WORDS);
    for ((to, word), prime) in result.iter_mut().zip(upper).zip(&PRIME_WORDS) {
        let difference = u128::from(*word)
            .wrapping_sub(u128::from(prime & mask))
            .wrapping_sub(u128::from(borrow));
        (*to, borrow) = (difference as u64, (difference >> 64) as u64 & 1);
    }
    debug_assert_eq!(borrow, over, "the subtraction removes the carry");
    result
}

/// The words of a number. The words of `crypto-bigint` have the size of the target's registers.
#[allow(
    clippy::indexing_slicing,
    clippy::unnecessary_cast,
    reason = "the loop ends with the words, constants must not use iterators, and a word has 32 bits \
              on some targets"
)]
const fn words(number: &U768) -> Words {
    let from = number.as_words();
    let mut words = [0; WORDS];
    let mut at = 0;
    while at < from.len() {
        let bit = at * Word::BITS as usize;
        words[bit / 64] |= (from[at] as u64) << (bit % 64);
        at += 1;
    }
    words
}

/// Computes [`GENERATOR_POWERS`] when this crate is compiled.
#[allow(
    clippy::indexing_slicing,
    long_running_const_eval,
    reason = "a wrong index would fail the compilation; it takes less than a second"
)]
const fn generator_powers() -> [[Residue; 1 << TEETH]; TABLES] {
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
    let mut residues = [[Residue::ONE; 1 << TEETH]; TABLES];
    let mut at = 0;
    while at < TABLES << TEETH {
        let (table, entry) = (at >> TEETH, at % (1 << TEETH));
        residues[table][entry] = Residue(words(&powers[table][entry]));
        at += 1;
    }
    residues
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use crypto_bigint::modular::FixedMontyForm;
    use crypto_bigint::{U192, U768};

    use super::{
        GENERATOR, NUMBER_BYTES, PARAMETERS, PRIME, Residue, SECRET_BYTES, power,
        power_of_generator,
    };
    use crate::random::Random;

    /// The same power by `crypto-bigint`.
    fn expected(base: &U768, secret: &[u8; SECRET_BYTES]) -> U768 {
        let mut padded = [0; U192::BYTES];
        padded[U192::BYTES - SECRET_BYTES..].copy_from_slice(secret);
        FixedMontyForm::new(base, &PARAMETERS)
            .pow(&U192::from_be_slice(&padded))
            .retrieve()
    }

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

    /// Numbers from 1 to the prime minus 1.
    fn numbers() -> Vec<U768> {
        let mut numbers = alloc::vec![U768::ONE, GENERATOR, U768::from_u64(u64::MAX)];
        for below in 1_u8..=3 {
            numbers.push(PRIME.as_ref().wrapping_sub(&U768::from_u8(below)));
        }
        // Words of zeroes and of ones.
        for word in 0..12 {
            numbers.push(U768::ONE.shl_vartime(64 * word));
            numbers.push(
                PRIME
                    .as_ref()
                    .wrapping_sub(&U768::ONE.shl_vartime(64 * word)),
            );
            numbers.push(U768::from_u64(u64::MAX).shl_vartime(64 * word));
        }
        let mut random = Random::new([10; 32]);
        for _ in 0..50 {
            let mut bytes = [0; NUMBER_BYTES];
            random.fill("a test", &mut bytes);
            numbers.push(U768::from_be_slice(&bytes));
        }
        numbers.retain(|number| *number < *PRIME.as_ref() && *number > U768::ZERO);
        assert!(numbers.len() > 80);
        numbers
    }

    #[test]
    fn powers_of_the_generator_agree_with_crypto_bigint() {
        for secret in secrets() {
            assert_eq!(*power_of_generator(&secret), expected(&GENERATOR, &secret));
        }
    }

    #[test]
    fn powers_agree_with_crypto_bigint() {
        let secrets = secrets();
        for (base, secret) in numbers().iter().zip(secrets.iter().rev().cycle()) {
            assert_eq!(*power(base, secret), expected(base, secret));
        }
        for secret in secrets {
            let base = U768::from_u64(0x1234_5678_9ABC_DEF1);
            assert_eq!(*power(&base, &secret), expected(&base, &secret));
        }
    }

    #[test]
    fn products_and_squares_agree_with_crypto_bigint() {
        let numbers = numbers();
        for one in &numbers {
            for two in &numbers {
                let product =
                    FixedMontyForm::new(one, &PARAMETERS) * FixedMontyForm::new(two, &PARAMETERS);
                let got = Residue::new(one).times(&Residue::new(two));
                assert_eq!(got.number(), product.retrieve());
            }
            let square = FixedMontyForm::new(one, &PARAMETERS).square();
            assert_eq!(Residue::new(one).square().number(), square.retrieve());
        }
    }

    #[test]
    fn arguments_may_exceed_the_prime() {
        // All ones is the prime plus what 2^768 exceeds it by, minus 1.
        let ones = Residue([u64::MAX; 12]);
        let remainder = U768::MAX.wrapping_sub(PRIME.as_ref());
        let same = Residue(super::words(&remainder));
        for other in numbers() {
            let other = Residue::new(&other);
            assert_eq!(ones.times(&other).number(), same.times(&other).number());
        }
        assert_eq!(ones.square().number(), same.square().number());
        assert_eq!(ones.times(&ones).number(), same.square().number());
        assert_eq!(ones.number(), same.number());
    }
}
