//! The total order of values, which finds duplicate keys, and equality, which follows from it.

use super::{Array, Value};
use core::cmp::Ordering;

fn by_bits<T: Copy, B: Ord>(left: &[T], right: &[T], bits: impl Fn(T) -> B) -> Ordering {
    left.iter()
        .map(|&one| bits(one))
        .cmp(right.iter().map(|&one| bits(one)))
}

impl Ord for Array {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Bool(left), Self::Bool(right)) => left.cmp(right),
            (Self::Short(left), Self::Short(right)) => left.cmp(right),
            (Self::Int(left), Self::Int(right)) => left.cmp(right),
            (Self::Long(left), Self::Long(right)) => left.cmp(right),
            (Self::Float(left), Self::Float(right)) => by_bits(left, right, f32::to_bits),
            (Self::Double(left), Self::Double(right)) => by_bits(left, right, f64::to_bits),
            (Self::String(left), Self::String(right)) => left.cmp(right),
            (Self::Bytes(left), Self::Bytes(right)) => left.cmp(right),
            (Self::Object(left), Self::Object(right)) => left.cmp(right),
            (Self::Hashtable(left), Self::Hashtable(right)) => left.cmp(right),
            (
                Self::Dictionary {
                    key,
                    value,
                    elements,
                },
                Self::Dictionary {
                    key: other_key,
                    value: other_value,
                    elements: other_elements,
                },
            ) => (key, value, elements).cmp(&(other_key, other_value, other_elements)),
            (
                Self::Custom { code, elements },
                Self::Custom {
                    code: other_code,
                    elements: other_elements,
                },
            ) => (code, elements).cmp(&(other_code, other_elements)),
            (Self::Array(left), Self::Array(right)) => left.cmp(right),
            (Self::Request(left), Self::Request(right)) => left.cmp(right),
            (Self::Response(left), Self::Response(right)) => left.cmp(right),
            (Self::Event(left), Self::Event(right)) => left.cmp(right),
            _ => self.element_type().cmp(&other.element_type()),
        }
    }
}

impl PartialOrd for Array {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Array {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Array {}

impl Ord for Value {
    /// A total order for finding duplicates. Its only meaning is equality. Floats compare by their
    /// bits.
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        // The types of most keys are compared where a map is searched, without a call.
        match (self, other) {
            (Self::String(left), Self::String(right)) => left.as_bytes().cmp(right.as_bytes()),
            (Self::Int(left), Self::Int(right)) => left.cmp(right),
            (Self::Byte(left), Self::Byte(right)) => left.cmp(right),
            (Self::Short(left), Self::Short(right)) => left.cmp(right),
            _ => self.cmp_any(other),
        }
    }
}

impl Value {
    fn cmp_any(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Bool(left), Self::Bool(right)) => left.cmp(right),
            (Self::Byte(left), Self::Byte(right)) => left.cmp(right),
            (Self::Short(left), Self::Short(right)) => left.cmp(right),
            (Self::Int(left), Self::Int(right)) => left.cmp(right),
            (Self::Long(left), Self::Long(right)) => left.cmp(right),
            (Self::Float(left), Self::Float(right)) => left.to_bits().cmp(&right.to_bits()),
            (Self::Double(left), Self::Double(right)) => left.to_bits().cmp(&right.to_bits()),
            (Self::String(left), Self::String(right)) => left.cmp(right),
            (Self::Bytes(left), Self::Bytes(right)) => left.cmp(right),
            (Self::Array(left), Self::Array(right)) => left.cmp(right),
            (Self::Hashtable(left), Self::Hashtable(right)) => left.cmp(right),
            (Self::Dictionary(left), Self::Dictionary(right)) => left.cmp(right),
            (Self::Custom(left), Self::Custom(right)) => left.cmp(right),
            (Self::Request(left), Self::Request(right)) => left.cmp(right),
            (Self::Response(left), Self::Response(right)) => left.cmp(right),
            (Self::Event(left), Self::Event(right)) => left.cmp(right),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Value {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            // Texts of different lengths are different, whatever their order.
            (Self::String(left), Self::String(right)) => left == right,
            _ => self.cmp(other).is_eq(),
        }
    }
}

impl Eq for Value {}
