//! Operators: the deny list, its comparison with the platform's, and what `pep` shows of devices.

use super::*;

on_both!(
    units_are_denied_and_let_in_again,
    the_list_is_compared_with_the_platforms,
    the_platforms_list_comes_in_many_forms,
    pep_shows_lists_and_releases_devices,
);

fn units_are_denied_and_let_in_again(on: &On) {
    let mut kit = on.kit();
    let (one, key) = (uuid(1), key());
    let added = kit.pep_as_operator(["deny", "add", "--space", "sign", &one, "--reason", "stolen"]);
    assert_eq!(added.worked(), format!("{one} is denied\n"));
    kit.pep_as_operator(["deny", "add", "GW-1", "--reason", "scrap"]).worked();
    // What is on the list survives the power.
    kit.kill();
    kit.start_again();
    let refused = register(&kit, &honest(&one, &key)).problem(403, "not-admitted");
    assert!(refused["detail"].as_str().unwrap().contains("stolen"), "{refused}");
    kit.get(&Kit::query("GW-1", "7777")).problem(403, "not-admitted");
    // The same number of the other protocol is another unit.
    assert_eq!(register(&kit, &honest(&uuid(2), &super::key())).status, 201);

    for command in [&["deny", "list"][..], &["denied"]] {
        let list = match command {
            [one] => kit.pep_as_operator([one]),
            [one, two] => kit.pep_as_operator([one, two]),
            _ => unreachable!(),
        };
        let lines: Vec<_> = list.worked().lines().collect();
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[0].starts_with("pep   GW-1 ") && lines[0].ends_with("  operator  scrap"));
        assert!(lines[1].starts_with(&format!("sign  {one}  ")) && lines[1].ends_with("  stolen"));
    }
    let shown = kit.pep_as_operator(["show", "--space", "sign", &one]);
    assert!(shown.worked().starts_with(&format!("{one}  denied\n")), "{}", shown.stdout);
    assert!(shown.stdout.contains("denied            stolen\n"), "{}", shown.stdout);
    let listed = kit.pep_as_operator(["list", "--space", "sign", "--state", "denied", "--json"]);
    let listed: Value = serde_json::from_str(listed.worked()).unwrap();
    assert_eq!(listed["results"][0]["denied"]["reason"], "stolen");
    assert_eq!(listed["results"].as_array().unwrap().len(), 1);

    let lifted = kit.pep_as_operator(["deny", "remove", "--space", "sign", &one.to_uppercase()]);
    lifted.worked();
    let again = kit.pep_as_operator(["deny", "remove", "--space", "sign", &one]);
    again.failed_with(1);
    assert_eq!(register(&kit, &honest(&one, &key)).status, 201);

    // A device that has its certificate is given nothing more while it is denied.
    kit.pep_as_operator(["deny", "add", "--space", "sign", &one, "--reason", "recalled"]).worked();
    register(&kit, &honest(&one, &key)).problem(403, "not-admitted");

    // Nobody without a token.
    kit.pep(["deny", "add", "GW-2", "--reason", "x"]).failed_with(1);
    kit.pep(["denied"]).failed_with(1);
    kit.pep_as_operator(["deny", "add", "GW-2"]).failed_with(2);
}

fn the_list_is_compared_with_the_platforms(on: &On) {
    let kit = on.kit();
    for number in [1, 2, 3] {
        assert_eq!(register(&kit, &honest(&uuid(number), &key())).status, 201);
    }
    kit.pep_as_operator(["deny", "add", "--space", "sign", &uuid(3), "--reason", "stolen"])
        .worked();
    let token = kit.token_file();
    let table = format!("UUID\n----\n{}\n{}\n", uuid(1).to_uppercase(), uuid(9));
    let compare = |more: &[&str]| {
        let arguments = [&["denied", "--reconcile", "list.txt"], more].concat();
        kit.pep_with(&arguments, |command, folder| {
            std::fs::write(folder.join("list.txt"), &table).unwrap();
            command.env("PEP_OPERATOR_TOKEN_FILE", &token);
        })
    };
    let done = compare(&[]);
    let lines: Vec<_> = done.worked().lines().collect();
    let [first, third, ninth] = lines[..] else { panic!("{lines:?}") };
    assert!(
        first.starts_with(&uuid(1)) && first.contains("fioctl devices delete-denied"),
        "{first}"
    );
    assert!(third.starts_with(&uuid(3)) && third.contains("platform: not denied"), "{third}");
    assert!(ninth.starts_with(&uuid(9)) && ninth.contains("here: unknown"), "{ninth}");
    assert_eq!(compare(&["--uuids"]).worked(), format!("{}\n", uuid(1)));
    let json: Value = serde_json::from_str(compare(&["--json"]).worked()).unwrap();
    assert_eq!(json["results"][1]["reason"], "stolen");
    kit.pep_as_operator(["denied", "--reconcile", "absent.txt"]).failed_with(1);
}

/// As PowerShell, spreadsheets and web pages leave it; and what is no list is refused.
fn the_platforms_list_comes_in_many_forms(on: &On) {
    let kit = on.kit();
    let one = uuid(1);
    assert_eq!(register(&kit, &honest(&one, &key())).status, 201);
    let token = kit.token_file();
    let lost = |list: &[u8]| {
        kit.pep_with(&["denied", "--reconcile", "list.txt", "--uuids"], |command, folder| {
            std::fs::write(folder.join("list.txt"), list).unwrap();
            command.env("PEP_OPERATOR_TOKEN_FILE", &token);
        })
    };
    let table = format!("UUID\r\n{one}\r\n{}\r\n", uuid(9));
    let units: Vec<u16> = table.encode_utf16().collect();
    let little: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
    let big: Vec<u8> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
    for list in [
        table.clone().into_bytes(),
        [&b"\xef\xbb\xbf"[..], table.as_bytes()].concat(),
        [&b"\xff\xfe"[..], &little].concat(),
        [&b"\xfe\xff"[..], &big].concat(),
        little,
        big,
        table.replace('-', "").into_bytes(),
        table.replace('-', "\u{2011}").into_bytes(),
        table.replace('-', "\u{2013}").to_uppercase().into_bytes(),
        format!("[{{\"uuid\":\"{one}\"}}]").into_bytes(),
        format!("name;uuid\nx;\"{one}\"\n").into_bytes(),
    ] {
        assert_eq!(lost(&list).worked(), format!("{one}\n"), "{list:x?}");
    }
    for (list, said) in [
        (&b"HTTP_401: unauthorized\n"[..], "begins with `HTTP_401: unauthorized`"),
        (b"", "it is empty"),
        (b"\xff\xfe", "it is empty"),
        (b"UUID\n----\n", "it has 2 lines"),
        (b"0f0e0d0c-1111-4222-8333-44445555660\n", "begins with"),
    ] {
        let done = lost(list);
        let (error, hint) = done.failed_with(1);
        assert!(error.contains("there is no UUID in list.txt") && error.contains(said), "{error}");
        assert!(hint.contains("fioctl devices list-denied"), "{hint}");
    }
}

fn pep_shows_lists_and_releases_devices(on: &On) {
    let kit = on.kit();
    let (first, second) = (honest(UUID, &key()), honest(UUID, &key()));
    assert_eq!(register(&kit, &first).status, 201);
    let refused = register(&kit, &second).problem(409, "serial-taken");
    assert!(refused["hint"].as_str().unwrap().contains("pep release --space sign"), "{refused}");
    let listed = kit.pep_as_operator(["list", "--space", "sign"]);
    assert!(listed.worked().contains(&format!("{}  confirmed", UUID.to_lowercase())));
    assert_eq!(kit.pep_as_operator(["list"]).worked(), "", "no gateways");
    kit.pep_as_operator(["show", UUID]).failed_with(1);

    let release = ["release", "--space", "sign", UUID, "--reason", "its answer was lost"];
    kit.pep_as_operator(release).worked();
    kit.pep_as_operator(release).failed_with(1);
    assert_eq!(register(&kit, &second).status, 201);
    register(&kit, &first).problem(409, "serial-taken");
    let shown = kit.pep_as_operator(["show", "--space", "sign", UUID]);
    let shown = shown.worked();
    for words in ["its answer was lost", "to be revoked", "imx8mm-lpddr4-evk"] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    // One row of it in the export, that of the certificate it has now.
    let rows = kit.pep_as_operator(["export", "--protocol", "sign"]);
    assert_eq!(rows.worked().lines().count(), 2, "{}", rows.stdout);
}
