//! Generates the gRPC clients from the shared `.proto` files; `protox` parses them, so that no protoc is needed.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = "../proto";
    let files = ["reviews.proto", "books.proto", "users.proto"];
    println!("cargo:rerun-if-changed={folder}");
    let descriptors = protox::compile(files, [folder])?;
    tonic_prost_build::configure().build_server(false).compile_fds(descriptors)?;
    Ok(())
}
