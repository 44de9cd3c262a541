#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| photon_fuzz::kept(data));
