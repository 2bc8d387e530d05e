#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| spec_kitty_fuzz::server_frame::run(data));
