//! Generates the gRPC clients from the shared `.proto` files; `protox` parses them, so that no protoc is needed. The tests
//! get servers too, over the same messages, to stand in for the worker and count what it is asked.

use std::error::Error;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = "../proto";
    let files = ["reviews.proto", "books.proto", "users.proto"];
    println!("cargo:rerun-if-changed={folder}");
    let descriptors = protox::compile(files, [folder])?;
    let servers = Path::new(&std::env::var("OUT_DIR")?).join("servers");
    std::fs::create_dir_all(&servers)?;
    tonic_prost_build::configure()
        .build_client(false)
        .extern_path(".bookreviews.v1", "crate::internal::proto")
        .out_dir(servers)
        .compile_fds(descriptors.clone())?;
    tonic_prost_build::configure().build_server(false).compile_fds(descriptors)?;
    Ok(())
}
