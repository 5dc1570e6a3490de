# expect: line=6 names="lint/no-wieght" fix="lint/no-weight"

target_group "app" {
  targets = ["10.0.1.5:3000"]

  silence "lint/no-wieght" {
    reason = "both are off until May"
  }
}
