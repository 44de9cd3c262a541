//! Server addresses in the forms in which applications have them.

use alloc::string::String;
use alloc::vec::Vec;
use photon_proto::Text;

/// One server address, or several that the client tries in order.
///
/// Open for other types: an application may implement it.
pub trait Addresses {
    /// Converts into the addresses as text.
    fn into_addresses(self) -> Vec<Text>;
}

impl Addresses for &str {
    fn into_addresses(self) -> Vec<Text> {
        alloc::vec![self.into()]
    }
}

impl Addresses for String {
    fn into_addresses(self) -> Vec<Text> {
        alloc::vec![self.into()]
    }
}

impl Addresses for &String {
    fn into_addresses(self) -> Vec<Text> {
        alloc::vec![self.as_str().into()]
    }
}

impl Addresses for Text {
    fn into_addresses(self) -> Vec<Text> {
        alloc::vec![self]
    }
}

impl<T: Into<Text>, const N: usize> Addresses for [T; N] {
    fn into_addresses(self) -> Vec<Text> {
        self.into_iter().map(Into::into).collect()
    }
}

impl<T: Into<Text>> Addresses for Vec<T> {
    fn into_addresses(self) -> Vec<Text> {
        self.into_iter().map(Into::into).collect()
    }
}
