//! What the log on standard error warns of, beside the codes of requests.

use super::Page;

pub const PAGES: &[Page] = &[
    Page {
        sees: "everything as before: the configuration that was served is served on; `pointsman reload` exits with 2",
        causes: &[
            "The new configuration has an error: the line's `first` says the first one.",
            "It newly breaks an `expect` that holds now.",
            "A certificate's file was renewed by halves, or cannot be read.",
        ],
        confirm: &[
            ("pointsman check FILE", "all that is wrong, with its place"),
            ("pointsman status", "the refused reload, for as long as it is not mended"),
        ],
        remedy: &[
            "Mend what `check` says, and reload again.",
            "Until then nothing is half applied, and a restart would fail: do not restart.",
        ],
        related: &["lint/expectation-broken", "config/unreadable"],
        ..Page::new("reload/refused", "a reload was refused, and what was served is served on")
    },
    Page {
        sees: "502 or 504 for some requests, or nothing: all targets get traffic, sick or well",
        causes: &[
            "The health check is wrong: its path redirects or needs a login, and every target fails it while the application is well.",
            "All targets are really down, often since one moment: a reboot, a deployment, their database.",
            "`minimum_healthy_targets` is above the number of targets.",
        ],
        confirm: &[
            (
                "pointsman status",
                "\"FAIL-OPEN\" at the group; each target's reason, and since when",
            ),
            (
                "curl -sv -o /dev/null http://ADDRESS:PORT/PATH",
                "on the load balancer's machine, with the path of the check: what it gets",
            ),
        ],
        remedy: &[
            "Mend the check's `path`, `host` or `expect` if the application is well; else the application.",
            "It ends by itself when enough targets are healthy.",
        ],
        related: &["lint/health-check-redirects", "target/refused", "lint/target-does-not-admit"],
        ..Page::new(
            "target-group/fail-open",
            "fewer targets are healthy than the minimum, so all of them get traffic",
        )
    },
    Page {
        sees: "nothing: requests are served, and their lines are missing from the log",
        causes: &[
            "The disk is full.",
            "The disk is too slow for the load, and the queue of lines is full.",
            "What reads a pipe has stopped.",
        ],
        confirm: &[
            ("df -h; df -i", "on the file system of the log: full, or without inodes"),
            ("pointsman status", "how many lines each log has lost"),
        ],
        remedy: &[
            "Make room, and rotate the log: rename the file, then SIGUSR1. Writing goes on by itself.",
            "Requests are never held up for the log's sake.",
        ],
        related: &["log/not-reopened"],
        ..Page::new("log/lines-lost", "lines of a log could not be written")
    },
    Page {
        sees: "nothing: the log goes on in the old file, which may have been renamed or deleted",
        causes: &[
            "The folder is gone, or belongs to another user since the rotation.",
            "With `pointsman run --confine`: the folder was not named when the program started.",
        ],
        confirm: &[
            ("namei -l access.log", "owner and mode of every folder on the way"),
            (
                "ls -l /proc/PID/fd | grep log",
                "the file that is really written, perhaps \"(deleted)\"",
            ),
        ],
        remedy: &["Mend owner and mode of the folder, then send SIGUSR1 again."],
        related: &["log/lines-lost", "instance/not-confined"],
        ..Page::new(
            "log/not-reopened",
            "a log could not be opened again, and goes on in the old file",
        )
    },
    Page {
        sees: "nothing: TLS works; sessions are resumed with keys that are older than they should be",
        causes: &["The system gave no random numbers: very rare, and worse for others."],
        confirm: &[(
            "journalctl -u pointsman.service -g tls/tickets-not-rotated",
            "how often, and the system's error",
        )],
        remedy: &["It is tried again by itself; if it stays, restart the program."],
        related: &["tls/handshake-failed"],
        ..Page::new(
            "tls/tickets-not-rotated",
            "the keys of TLS session tickets could not be changed",
        )
    },
    Page {
        sees: "nothing, where a socket filter does instead; but an instance whose groups were to be enforced admits everybody",
        causes: &[
            "`nft` is not installed.",
            "The program may not change the packet filter: it lacks CAP_NET_ADMIN, or has it but not as an ambient capability, so that `nft` does not get it.",
            "The kernel has no nftables, or a container's filter of system calls forbids them.",
        ],
        confirm: &[
            ("pointsman status", "under \"firewall\": why, and the remedy"),
            ("nft list tables", "run by the same user: the error, without the program"),
        ],
        remedy: &[
            "Install the package `nftables`; give the process CAP_NET_ADMIN as the packaged unit does (AmbientCapabilities).",
            "Then `pointsman reload`: it is tried again.",
            "Or remove `enforce = \"nftables\"`.",
        ],
        related: &["admit/no-rule", "firewall/not-removed"],
        ..Page::new(
            "firewall/not-applied",
            "the table of the packet filter could not be put in place, and the World of today is not enforced by it",
        )
    },
    Page {
        sees: "some clients time out at a port of this machine, although the program does not run any more",
        causes: &["`nft` was removed, or the privilege was, while the program ran."],
        confirm: &[("nft list tables", "a table `inet pointsman_…`")],
        remedy: &[
            "`pointsman firewall clear` as root, with the state directory of the instance.",
            "Or `nft delete table inet pointsman_…`.",
        ],
        related: &["firewall/not-applied"],
        ..Page::new(
            "firewall/not-removed",
            "the table of the packet filter could not be taken away",
        )
    },
    Page {
        sees: "nothing: the program serves, and the kernel keeps less of the file system from it than `--confine` asks",
        causes: &["The kernel is older than some of the rights that landlock knows."],
        confirm: &[("uname -r", "landlock grows with each kernel since 5.13")],
        remedy: &[
            "Renew the kernel when you can. Owners and modes of files protect them meanwhile.",
        ],
        related: &["instance/not-confined"],
        ..Page::new("instance/partly-confined", "the kernel confines the program in part only")
    },
    Page {
        sees: "nothing: the program serves, without the protection that `--confine` asks for",
        causes: &[
            "The kernel has no landlock: older than 5.13, or it is not turned on.",
            "A container's filter of system calls forbids it.",
        ],
        confirm: &[
            ("cat /sys/kernel/security/lsm", "`landlock` is not in the list"),
            ("uname -r", "older than 5.13"),
        ],
        remedy: &[
            "Add `landlock` to the kernel's `lsm=` list, or allow it in the container.",
            "Or leave `--confine` out, and rely on the unit's `ProtectSystem=strict`.",
        ],
        related: &["instance/partly-confined", "instance/not-hardened"],
        ..Page::new("instance/not-confined", "the kernel does not confine the program")
    },
    Page {
        sees: "nothing: the program serves, and is protected less against others on the machine",
        causes: &["A container's filter of system calls forbids `prctl`."],
        confirm: &[(
            "journalctl -u pointsman.service -g instance/not-hardened",
            "the system's error",
        )],
        remedy: &["Allow `prctl` in the container, and restart."],
        related: &["instance/not-confined"],
        ..Page::new("instance/not-hardened", "the process could not be hardened")
    },
    Page {
        sees: "everything as before: the certificate that was served is served on, until it ends",
        causes: &[
            "A renewal is writing its files at this moment: the line is followed by `reload/certificate` within seconds.",
            "The certificate was renewed and its key was not, or the other way round.",
            "The new file has an owner or a mode by which it cannot be read.",
        ],
        confirm: &[
            (
                "journalctl -u pointsman.service -g reload/certificate",
                "`code` and `reason` of the refusal, and whether it was taken after all",
            ),
            ("pointsman check FILE", "the same finding, if it is still so"),
        ],
        remedy: &[
            "Mend what `code` says; the files are looked at again as soon as they change.",
            "Nothing has to be reloaded.",
        ],
        related: &["certificate/key-mismatch", "certificate/unreadable"],
        ..Page::new(
            "reload/certificate-refused",
            "a certificate changed, and cannot be used as it is",
        )
    },
    Page {
        sees: "everything as before: clients are judged by the authorities and the lists of before",
        causes: &[
            "The file is being written at this moment: the line is followed by `reload/trust-store` within seconds.",
            "What was fetched is no list, but the page of an error.",
        ],
        confirm: &[
            (
                "journalctl -u pointsman.service -g reload/trust-store",
                "`code` and `reason` of the refusal, and whether it was taken after all",
            ),
            (
                "openssl crl -noout -text -in FILE",
                "whether it is a list, and until when it is good",
            ),
        ],
        remedy: &[
            "Fetch the list again, beside the file, and rename it into its place; nothing has to be reloaded.",
        ],
        related: &["certificate/bad-list", "certificate/list-out-of-date"],
        ..Page::new(
            "reload/trust-store-refused",
            "a trust store changed, and cannot be used as it is",
        )
    },
    Page {
        sees: "nothing: what is served is served on; imports are not seen until it can be read again",
        causes: &[
            "The disk of the state directory is full, or has become read-only.",
            "Another program holds the database open for writing.",
            "The database is damaged.",
        ],
        confirm: &[
            ("df -h STATE", "whether there is room"),
            ("sqlite3 STATE/pointsman.db 'PRAGMA integrity_check'", "`ok`, or what is damaged"),
        ],
        remedy: &[
            "Make room, or end the other program: it goes on by itself.",
            "A damaged database is replaced by a backup, as docs/state.md says.",
        ],
        related: &["certificate/not-kept"],
        ..Page::new("store/unreadable", "the state database cannot be read")
    },
    Page {
        sees: "nothing: everything works",
        causes: &["The file was made by hand, or copied, with a mode that lets everybody read it."],
        confirm: &[("ls -l STATE/store.key", "`-rw-r--r--`, and not `-rw-------`")],
        remedy: &[
            "`chmod 0600` the file.",
            "If somebody may have read it: put a new key on the line above it, and restart (docs/state.md).",
        ],
        related: &["certificate/key-readable-by-others"],
        ..Page::new(
            "store/key-readable-by-others",
            "others on the machine can read the store's key",
        )
    },
    Page {
        sees: "names of the zones do not resolve, or with the answers of the last configuration",
        causes: &["A core could not take the new zones over: the line's `error` says why."],
        confirm: &[("dig ZONE SOA @ADDRESS", "no answer, or an old serial")],
        remedy: &["Reload; if it comes again, restart: a restart opens everything anew."],
        related: &["name/no-record", "dns/not-renewed"],
        ..Page::new("dns/not-started", "zones could not be handed to the name server")
    },
    Page {
        sees: "nothing yet: secondaries keep signatures that end in some days",
        causes: &["The state directory cannot be written: full, read-only, or another's."],
        confirm: &[("df STATE_DIRECTORY; ls -ld STATE_DIRECTORY", "room, and whose it is")],
        remedy: &["Mend the directory: it is tried again by itself."],
        related: &["dns/not-started"],
        ..Page::new("dns/not-renewed", "new signatures could not be given to secondaries")
    },
    Page {
        sees: "some clients get old answers: those that ask the secondary",
        causes: &[
            "The secondary is down, or its firewall shuts us out.",
            "It takes news from other addresses only, or does not know the zone.",
        ],
        confirm: &[
            ("dig ZONE SOA @SECONDARY", "its serial is behind ours"),
            ("journalctl -g dns/not-notified", "since when, and the error"),
        ],
        remedy: &[
            "Have the secondary accept NOTIFY from the address that we ask from.",
            "Until then it looks by itself after the zone's `refresh`.",
        ],
        related: &["dns/not-started"],
        ..Page::new("dns/not-notified", "a secondary did not take the news of a change")
    },
];
