//! The rows of the table in docs/performance.md, one command each, and the
//! linker's list. See benches/README.md.

mod homes;
mod order;
mod rows;
mod stores;
mod told;

use std::path::Path;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["child", "noop"] => {}
        ["child", "receiver"] => homes::receive(),
        ["child", "many", name, dir, count] => {
            rows::many(name, Path::new(dir), count.parse().unwrap())
        }
        ["child", "typed"] => rows::profiled(),
        ["child", name, dir] => stores::open(name, Path::new(dir)).append(),
        ["1"] => rows::emit(),
        ["2"] => rows::append(),
        ["3"] => rows::batch(),
        ["4"] => rows::size(),
        ["5"] => rows::scan(),
        ["6"] => rows::drain(),
        ["7"] => rows::contention(),
        ["8"] => rows::start(),
        ["9"] => rows::idle(),
        ["order"] => order::order(),
        _ => eprintln!("usage: peers 1 … 9 | order (see benches/README.md)"),
    }
}
