//! Every row of the reference's defects and holes (sign 4), each tried there with the answer 201 or
//! 500, and here refused or harmless. Row 33 is a shell script, which this station has not.

mod bodies;
mod cas;
mod running;
mod subjects;

use super::*;

#[track_caller]
fn refused(kit: &Kit, body: &Value, words: &str) {
    let problem = register(kit, body).problem(400, "bad-request");
    assert!(problem["detail"].as_str().unwrap().contains(words), "{words:?} in {problem}");
}

fn sota(answer: &Answer) -> String {
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()["sota.toml"].as_str().unwrap().to_owned()
}
