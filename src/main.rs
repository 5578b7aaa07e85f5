//! The `kaijiang` command.

fn main() {}
