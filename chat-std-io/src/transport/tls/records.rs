//! The records of TLS in received bytes: how many bytes they have. RFC 8446, 5.1.

use std::io::{self, Read};

const HEADER_BYTES: usize = 5;

/// Follows the boundaries of records. rustls does not report them, and work goes with their number:
/// a record that holds one byte costs as much to decrypt as one that holds a thousand.
#[derive(Debug, Default)]
pub(super) struct Records {
    header: [u8; HEADER_BYTES],
    header_bytes: usize,
    /// Bytes of the record that have not arrived; meaningless while its header is incomplete.
    missing: usize,
    /// Length of the record with its header.
    length: usize,
    /// Bytes of all records that became complete.
    completed: usize,
}

impl Records {
    fn follow(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if let Some(place) = self.header.get_mut(self.header_bytes) {
                let Some((first, rest)) = bytes.split_first() else {
                    break;
                };
                (*place, bytes) = (*first, rest);
                self.header_bytes += 1;
                if self.header_bytes == HEADER_BYTES {
                    let [.., high, low] = self.header;
                    self.missing = usize::from(u16::from_be_bytes([high, low]));
                    self.length = HEADER_BYTES + self.missing;
                }
            } else {
                let taken = bytes.len().min(self.missing);
                self.missing -= taken;
                bytes = bytes.get(taken..).unwrap_or_default();
            }
            if self.header_bytes == HEADER_BYTES && self.missing == 0 {
                self.completed += self.length;
                self.header_bytes = 0;
            }
        }
    }

    /// Bytes of the records that became complete since the last call.
    pub(super) fn take_completed(&mut self) -> usize {
        std::mem::take(&mut self.completed)
    }

    /// A stream whose reads are followed.
    pub(super) const fn following<'a, T>(&'a mut self, stream: &'a mut T) -> Following<'a, T> {
        Following {
            records: self,
            stream,
        }
    }
}

/// See [`Records::following`].
pub(super) struct Following<'a, T> {
    records: &'a mut Records,
    stream: &'a mut T,
}

impl<T: Read> Read for Following<'_, T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.stream.read(buffer)?;
        self.records.follow(buffer.get(..bytes).unwrap_or_default());
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::Records;

    #[test]
    fn complete_records_are_counted_in_pieces_of_any_size() {
        let input = [
            &[0x17, 3, 3, 0, 3, 1, 2, 3][..],
            &[0x17, 3, 3, 0, 0],
            &[0x17, 3, 3, 1, 0],
            &[9; 256],
            &[0x17, 3, 3, 0, 2, 1],
        ]
        .concat();
        for piece in [1, 2, 7, 500] {
            let mut records = Records::default();
            input.chunks(piece).for_each(|chunk| records.follow(chunk));
            assert_eq!(records.take_completed(), 8 + 5 + 261, "{piece}");
            records.follow(&[1]);
            assert_eq!(records.take_completed(), 7);
        }
    }
}
