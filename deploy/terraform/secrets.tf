# Keys, as files. Their versions are added by hand, so that no key is in the
# state of Terraform: docs/deploy.md has the commands.

locals {
  secrets = {
    api-keys            = { file = "keys.ndjson", readers = ["gateway"] }
    gateway-key         = { file = "key.pem", readers = ["gateway"] }
    gateway-public-keys = { file = "keys.pem", readers = ["accounts", "audios"] }
    audios-key          = { file = "key", readers = ["audios"] }
  }
  readers = merge([for secret, s in local.secrets : {
    for reader in s.readers : "${secret}-${reader}" => { secret = secret, reader = reader }
  }]...)
}

resource "google_secret_manager_secret" "key" {
  for_each            = local.secrets
  secret_id           = "concha-${each.key}"
  deletion_protection = true
  replication {
    user_managed {
      replicas {
        location = var.region
      }
    }
  }
  depends_on = [google_project_service.api]
}

resource "google_secret_manager_secret_iam_member" "reader" {
  for_each  = local.readers
  secret_id = google_secret_manager_secret.key[each.value.secret].secret_id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.service[each.value.reader].member
}
