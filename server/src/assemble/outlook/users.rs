//! Users of this machine: their names and groups.

use std::fmt;

/// A user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The number.
    pub id: u32,
    /// The name, or the number in words where it has none.
    pub name: String,
    /// The numbers of the groups.
    pub groups: Vec<u32>,
}

impl User {
    /// The user with this number, as /etc/passwd and /etc/group have it.
    pub fn of(id: u32) -> Self {
        let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        let known = users.lines().find_map(|line| {
            let fields: Vec<_> = line.split(':').collect();
            let [name, _, number, group, ..] = fields.as_slice() else { return None };
            (number.parse() == Ok(id)).then(|| ((*name).to_owned(), group.parse().ok()))
        });
        let Some((name, own)) = known else {
            return Self { id, name: format!("user {id}"), groups: Vec::new() };
        };
        let all = std::fs::read_to_string("/etc/group").unwrap_or_default();
        let others = all.lines().filter_map(|line| {
            let fields: Vec<_> = line.split(':').collect();
            let [_, _, number, members] = fields.as_slice() else { return None };
            let is_member = members.split(',').any(|member| member == name);
            is_member.then(|| number.parse().ok()).flatten()
        });
        let groups = own.into_iter().chain(others).collect();
        Self { id, name, groups }
    }
}

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::User;

    #[test]
    fn users_have_names_and_groups() {
        let root = User::of(0);
        assert_eq!((root.name.as_str(), root.groups.contains(&0)), ("root", true));
        assert_eq!(User::of(4_000_000_000).to_string(), "user 4000000000");
    }
}
