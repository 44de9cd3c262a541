//! [`Value`]: any value of the GpBinary protocols, owned and exactly typed.

mod convert;
mod display;
mod key_order;
mod order;
mod repeated;

pub use convert::MapKey;
pub(crate) use key_order::KeyOrder;
pub use key_order::text_order;
pub(crate) use repeated::repeated;

use crate::text::Text;
use alloc::boxed::Box;
use alloc::vec::Vec;
use bytes::Bytes;

/// One value, with the exact type it has on the wire: a byte, an int and a long are three types.
///
/// Floats compare by their bits, so that every value equals itself and a round trip can be checked.
/// Spec: wire.md 4 and 5.
///
/// Exhaustive, as are [`Array`] and [`Type`]: the two protocols define these types and no others,
/// and a program that translates values has to handle each of them. A new variant is a breaking
/// change.
#[derive(Clone, Debug)]
pub enum Value {
    /// Null.
    Null,
    /// A bool.
    Bool(bool),
    /// An unsigned number of 8 bits.
    Byte(u8),
    /// A signed number of 16 bits.
    Short(i16),
    /// A signed number of 32 bits.
    Int(i32),
    /// A signed number of 64 bits.
    Long(i64),
    /// A float of 32 bits.
    Float(f32),
    /// A float of 64 bits.
    Double(f64),
    /// UTF-8 text, at most 32,767 bytes when encoded.
    String(Text),
    /// A byte array.
    Bytes(Bytes),
    /// An array of one element type, or of mixed values.
    Array(Array),
    /// An untyped map.
    Hashtable(Hashtable),
    /// A map with declared key and value types.
    Dictionary(Dictionary),
    /// An application-defined type.
    Custom(Custom),
    /// An operation request as a value.
    Request(Box<Request>),
    /// An operation response as a value.
    Response(Box<Response>),
    /// Event data as a value.
    Event(Box<EventData>),
}

/// The type of a value, as maps declare it and arrays carry it. Exhaustive, for the reason given at
/// [`Value`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Type {
    /// Untyped: each value carries its own type.
    Object,
    /// [`Value::Bool`].
    Bool,
    /// [`Value::Byte`].
    Byte,
    /// [`Value::Short`].
    Short,
    /// [`Value::Int`].
    Int,
    /// [`Value::Long`].
    Long,
    /// [`Value::Float`].
    Float,
    /// [`Value::Double`].
    Double,
    /// [`Value::String`].
    String,
    /// [`Value::Bytes`].
    Bytes,
    /// [`Value::Array`] of this element type; `Object` for an array of mixed values.
    Array(Box<Type>),
    /// [`Value::Hashtable`].
    Hashtable,
    /// [`Value::Dictionary`] with this key and value type.
    Dictionary(Box<(Type, Type)>),
    /// [`Value::Custom`]. As an element type it has the code that all elements share. As a declared
    /// dictionary type (1.6 only) it has none, because each value carries its own.
    Custom(Option<u8>),
    /// [`Value::Request`].
    Request,
    /// [`Value::Response`].
    Response,
    /// [`Value::Event`].
    Event,
}

/// An array with its element type. Exhaustive, for the reason given at [`Value`].
#[derive(Clone, Debug)]
pub enum Array {
    /// Booleans (packed to bits in 1.8).
    Bool(Vec<bool>),
    /// Signed 16 bit numbers.
    Short(Vec<i16>),
    /// Signed 32 bit numbers.
    Int(Vec<i32>),
    /// Signed 64 bit numbers.
    Long(Vec<i64>),
    /// 32 bit floats.
    Float(Vec<f32>),
    /// 64 bit floats.
    Double(Vec<f64>),
    /// Texts.
    String(Vec<Text>),
    /// Byte arrays.
    Bytes(Vec<Bytes>),
    /// Mixed values, each with its own type. Only this array can hold nulls.
    Object(Vec<Value>),
    /// Untyped maps.
    Hashtable(Vec<Hashtable>),
    /// Dictionaries that share one declaration.
    Dictionary {
        /// Declared key type.
        key: Type,
        /// Declared value type.
        value: Type,
        /// The pairs of each element.
        elements: Vec<Vec<(Value, Value)>>,
    },
    /// Application-defined values of one type code.
    Custom {
        /// The type code of all elements.
        code: u8,
        /// The content of each element.
        elements: Vec<Bytes>,
    },
    /// Arrays, all of one type. An empty one cannot be encoded: use an empty `Object` array. In 1.6
    /// an array of `Object` arrays is encoded as an `Object` array of `Object` arrays. Spec:
    /// wire.md 4.1.
    Array(Vec<Array>),
    /// Operation requests (1.6 only).
    Request(Vec<Request>),
    /// Operation responses (1.6 only).
    Response(Vec<Response>),
    /// Event data (1.6 only).
    Event(Vec<EventData>),
}

/// An untyped map with its pairs in wire order. A key that occurs twice on the wire keeps its last
/// value.
///
/// A list of pairs, not a hash map: most maps are small, and the order must survive a round trip.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hashtable(pub Vec<(Value, Value)>);

/// A map with declared key and value types and its pairs in wire order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dictionary {
    /// The declared key type. [`Type::Object`] means that each key carries its own.
    pub key: Type,
    /// The declared value type. [`Type::Object`] means that each value carries its own.
    pub value: Type,
    /// The pairs.
    pub pairs: Vec<(Value, Value)>,
}

/// An application-defined value: a type code and bytes, which can be forwarded unchanged.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Custom {
    /// The application's type code.
    pub code: u8,
    /// The content, at most 32,767 bytes in 1.6.
    pub data: Bytes,
}

/// Parameters in wire order, each with its code.
pub type Parameters = Vec<(u8, Value)>;

/// An operation request, owned. Exhaustive, as are [`Response`] and [`EventData`]: the format is
/// fixed, and programs build them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Request {
    /// The operation code.
    pub code: u8,
    /// The parameters.
    pub parameters: Parameters,
}

/// An operation response, owned.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Response {
    /// The operation code.
    pub code: u8,
    /// The return code, 0 for success.
    pub return_code: i16,
    /// The server's debug message; `None` is null on the wire. An empty one stays empty.
    pub debug_message: Option<Text>,
    /// The parameters.
    pub parameters: Parameters,
}

/// An event, owned.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventData {
    /// The event code.
    pub code: u8,
    /// The parameters.
    pub parameters: Parameters,
}

impl Value {
    /// The type that an array or dictionary declares for this value; `Object` for null.
    #[must_use]
    pub fn type_of(&self) -> Type {
        match self {
            Self::Null => Type::Object,
            Self::Bool(_) => Type::Bool,
            Self::Byte(_) => Type::Byte,
            Self::Short(_) => Type::Short,
            Self::Int(_) => Type::Int,
            Self::Long(_) => Type::Long,
            Self::Float(_) => Type::Float,
            Self::Double(_) => Type::Double,
            Self::String(_) => Type::String,
            Self::Bytes(_) => Type::Bytes,
            Self::Array(array) => Type::Array(Box::new(array.element_type())),
            Self::Hashtable(_) => Type::Hashtable,
            Self::Dictionary(map) => {
                Type::Dictionary(Box::new((map.key.clone(), map.value.clone())))
            }
            Self::Custom(_) => Type::Custom(None),
            Self::Request(_) => Type::Request,
            Self::Response(_) => Type::Response,
            Self::Event(_) => Type::Event,
        }
    }

    /// Whether this value contains others. Such a value cannot be a key.
    #[must_use]
    pub const fn is_container(&self) -> bool {
        matches!(
            self,
            Self::Array(_)
                | Self::Hashtable(_)
                | Self::Dictionary(_)
                | Self::Request(_)
                | Self::Response(_)
                | Self::Event(_)
        )
    }

    /// The text of a string value.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The number, if it is a whole number that 32 bits hold: a byte, short, int, or a small enough
    /// long.
    ///
    /// The sender chooses the width of a number, so a reader should not insist on one.
    ///
    /// ```
    /// use photon_proto::Value;
    ///
    /// assert_eq!(Value::Byte(7).as_i32(), Some(7));
    /// assert_eq!(Value::Long(7).as_i32(), Some(7));
    /// assert_eq!(Value::Long(1 << 40).as_i32(), None);
    /// assert_eq!(Value::Double(7.0).as_i32(), None);
    /// ```
    #[must_use]
    pub fn as_i32(&self) -> Option<i32> {
        self.as_i64().and_then(|number| i32::try_from(number).ok())
    }

    /// The number, if it is a whole number: a byte, short, int or long.
    #[must_use]
    pub const fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Byte(number) => Some(*number as i64),
            Self::Short(number) => Some(*number as i64),
            Self::Int(number) => Some(*number as i64),
            Self::Long(number) => Some(*number),
            _ => None,
        }
    }

    /// The number, if a double holds it exactly: a float, double, byte, short or int. A long is not
    /// converted, because a double rounds numbers beyond 2^53.
    #[must_use]
    pub const fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Byte(number) => Some(*number as f64),
            Self::Short(number) => Some(*number as f64),
            Self::Int(number) => Some(*number as f64),
            Self::Float(number) => Some(*number as f64),
            Self::Double(number) => Some(*number),
            _ => None,
        }
    }

    /// The truth value of a bool.
    #[must_use]
    pub const fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The array of an array value.
    #[must_use]
    pub const fn as_array(&self) -> Option<&Array> {
        match self {
            Self::Array(array) => Some(array),
            _ => None,
        }
    }

    /// The content of a byte array.
    #[must_use]
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The memory that this value keeps alive besides itself, in bytes. Shared bytes count in full,
    /// but only once for the texts of one array that follow each other.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        match self {
            Self::Null
            | Self::Bool(_)
            | Self::Byte(_)
            | Self::Short(_)
            | Self::Int(_)
            | Self::Long(_)
            | Self::Float(_)
            | Self::Double(_) => 0,
            Self::String(text) => text.pinned_bytes(),
            Self::Bytes(bytes) => bytes.len(),
            Self::Custom(custom) => custom.data.len(),
            Self::Array(array) => array.heap_bytes(),
            Self::Hashtable(map) => pair_bytes(&map.0),
            Self::Dictionary(map) => pair_bytes(&map.pairs),
            Self::Request(message) => size_of::<Request>() + parameter_bytes(&message.parameters),
            Self::Response(message) => size_of::<Response>() + parameter_bytes(&message.parameters),
            Self::Event(message) => size_of::<EventData>() + parameter_bytes(&message.parameters),
        }
    }

    /// The place of the type in the order of values.
    const fn rank(&self) -> u8 {
        match self {
            Self::Null => 0,
            Self::Bool(_) => 1,
            Self::Byte(_) => 2,
            Self::Short(_) => 3,
            Self::Int(_) => 4,
            Self::Long(_) => 5,
            Self::Float(_) => 6,
            Self::Double(_) => 7,
            Self::String(_) => 8,
            Self::Bytes(_) => 9,
            Self::Array(_) => 10,
            Self::Hashtable(_) => 11,
            Self::Dictionary(_) => 12,
            Self::Custom(_) => 13,
            Self::Request(_) => 14,
            Self::Response(_) => 15,
            Self::Event(_) => 16,
        }
    }
}

impl Array {
    /// The type of the elements. For an array of arrays it is the type of the first one, or
    /// `Object` if there is none.
    #[must_use]
    pub fn element_type(&self) -> Type {
        match self {
            Self::Bool(_) => Type::Bool,
            Self::Short(_) => Type::Short,
            Self::Int(_) => Type::Int,
            Self::Long(_) => Type::Long,
            Self::Float(_) => Type::Float,
            Self::Double(_) => Type::Double,
            Self::String(_) => Type::String,
            Self::Bytes(_) => Type::Bytes,
            Self::Object(_) => Type::Object,
            Self::Hashtable(_) => Type::Hashtable,
            Self::Dictionary { key, value, .. } => {
                Type::Dictionary(Box::new((key.clone(), value.clone())))
            }
            Self::Custom { code, .. } => Type::Custom(Some(*code)),
            Self::Array(arrays) => Type::Array(Box::new(
                arrays.first().map_or(Type::Object, Self::element_type),
            )),
            Self::Request(_) => Type::Request,
            Self::Response(_) => Type::Response,
            Self::Event(_) => Type::Event,
        }
    }

    /// The number of elements.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Bool(all) => all.len(),
            Self::Short(all) => all.len(),
            Self::Int(all) => all.len(),
            Self::Long(all) => all.len(),
            Self::Float(all) => all.len(),
            Self::Double(all) => all.len(),
            Self::String(all) => all.len(),
            Self::Bytes(all) => all.len(),
            Self::Object(all) => all.len(),
            Self::Hashtable(all) => all.len(),
            Self::Dictionary { elements, .. } => elements.len(),
            Self::Custom { elements, .. } => elements.len(),
            Self::Array(all) => all.len(),
            Self::Request(all) => all.len(),
            Self::Response(all) => all.len(),
            Self::Event(all) => all.len(),
        }
    }

    /// Whether the array has no elements.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn heap_bytes(&self) -> usize {
        match self {
            Self::Bool(all) => all.len(),
            Self::Short(all) => size_of_val(all.as_slice()),
            Self::Int(all) => size_of_val(all.as_slice()),
            Self::Long(all) => size_of_val(all.as_slice()),
            Self::Float(all) => size_of_val(all.as_slice()),
            Self::Double(all) => size_of_val(all.as_slice()),
            Self::String(all) => {
                let mut pinned = Pinned::default();
                all.iter()
                    .map(|text| size_of::<Text>() + pinned.bytes(text))
                    .sum()
            }
            Self::Bytes(all) | Self::Custom { elements: all, .. } => all
                .iter()
                .map(|bytes| size_of::<Bytes>() + bytes.len())
                .sum(),
            Self::Object(all) => {
                let mut pinned = Pinned::default();
                all.iter()
                    .map(|value| {
                        size_of::<Value>()
                            + match value {
                                Value::String(text) => pinned.bytes(text),
                                other => other.heap_bytes(),
                            }
                    })
                    .sum()
            }
            Self::Hashtable(all) => all
                .iter()
                .map(|map| size_of::<Hashtable>() + pair_bytes(&map.0))
                .sum(),
            Self::Dictionary { elements, .. } => elements
                .iter()
                .map(|pairs| size_of::<Hashtable>() + pair_bytes(pairs))
                .sum(),
            Self::Array(all) => all
                .iter()
                .map(|array| size_of::<Self>() + array.heap_bytes())
                .sum(),
            Self::Request(all) => all
                .iter()
                .map(|one| size_of::<Request>() + parameter_bytes(&one.parameters))
                .sum(),
            Self::Response(all) => all
                .iter()
                .map(|one| size_of::<Response>() + parameter_bytes(&one.parameters))
                .sum(),
            Self::Event(all) => all
                .iter()
                .map(|one| size_of::<EventData>() + parameter_bytes(&one.parameters))
                .sum(),
        }
    }
}

/// Counts the memory of the texts of one array, in order. Decoding lets them share it.
#[derive(Default)]
struct Pinned<'t>(Option<&'t Text>);

impl<'t> Pinned<'t> {
    /// The memory that the next text keeps alive, and none before it in a row does.
    fn bytes(&mut self, text: &'t Text) -> usize {
        let bytes = text.pinned_bytes();
        // An empty one between two others has no part in their memory.
        if bytes > 0
            && self
                .0
                .replace(text)
                .is_some_and(|one| one.shares_memory(text))
        {
            0
        } else {
            bytes
        }
    }
}

fn pair_bytes(pairs: &[(Value, Value)]) -> usize {
    pairs
        .iter()
        .map(|(key, value)| 2 * size_of::<Value>() + key.heap_bytes() + value.heap_bytes())
        .sum()
}

fn parameter_bytes(all: &[(u8, Value)]) -> usize {
    all.iter()
        .map(|(_, value)| size_of::<(u8, Value)>() + value.heap_bytes())
        .sum()
}
