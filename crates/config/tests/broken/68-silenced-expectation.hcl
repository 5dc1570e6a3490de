# expect: line=3 names="lint/expectation-broken" fix="remove it"

silence "lint/expectation-broken" {
  reason = "it fails anyway"
}
