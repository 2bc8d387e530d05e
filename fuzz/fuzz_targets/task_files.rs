#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| spec_kitty_fuzz::task_files::run(data));
