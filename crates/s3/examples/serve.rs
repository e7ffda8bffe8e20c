//! Serves the buckets of a folder until its input ends: `cargo run -p s3 --example serve -- FOLDER`.

#[path = "../tests/server/mod.rs"]
mod server;

use std::{io::Read, path::PathBuf};

fn main() {
    let folder = PathBuf::from(std::env::args().nth(1).expect("the folder to serve"));
    let server = server::Server::start(&folder, Vec::new());
    println!("{} serves {} buckets", server.endpoint(), server.buckets.buckets().len());
    let mut rest = Vec::new();
    std::io::stdin().read_to_end(&mut rest).expect("the input can be read");
    println!("{:?}", server.door.traffic());
}
