# expect: line=3 names="reason" fix="reason ="

silence "lint/no-weight" {
}
