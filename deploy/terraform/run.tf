locals {
  images = "${var.region}-docker.pkg.dev/${var.project}/${google_artifact_registry_repository.concha.repository_id}"

  # Cloud Run gives every service this address besides the one with a hash.
  gateway    = "gateway-${data.google_project.this.number}.${var.region}.run.app"
  host       = var.domain != "" ? var.domain : local.gateway
  public_url = var.public_url != "" ? var.public_url : "https://${local.host}"

  # Audios reads the events of accounts as any client, so that none is lost to it.
  reconciliation = {
    CONCHA_ACCOUNTS_URL        = "https://${local.gateway}"
    CONCHA_ACCOUNTS_TOKEN_FILE = "/secrets/audios-key/key"
  }

  environment = { for service, s in local.services : service => merge(service == "audios" ? local.reconciliation : {}, {
    CONCHA_PUBLIC_URL               = local.public_url
    CONCHA_GATEWAY_PUBLIC_KEYS_FILE = "/secrets/gateway-public-keys/keys.pem"
    GOOGLE_CLOUD_PROJECT            = var.project
    CONCHA_PUBSUB_ENDPOINT          = "${var.region}-pubsub.googleapis.com:443"
    CONCHA_SPANNER_DATABASE         = "projects/${var.project}/instances/${google_spanner_instance.concha.name}/databases/${google_spanner_database.service[service].name}"
    CONCHA_BUCKET                   = google_storage_bucket.service[service].name
  }) }
}

# Services are reached from the network of the project alone, and relay events
# all the time: they keep their processor and one instance. 16 instances share
# the 16 shards of the event log; further ones would publish nothing.
resource "google_cloud_run_v2_service" "service" {
  for_each            = local.services
  name                = each.key
  location            = var.region
  ingress             = "INGRESS_TRAFFIC_INTERNAL_ONLY"
  deletion_protection = true
  depends_on          = [google_cloud_run_v2_job.migrate, google_pubsub_subscription_iam_member.subscriber, google_pubsub_topic_iam_member.publisher, google_storage_bucket_iam_member.user, google_secret_manager_secret_iam_member.reader]

  template {
    service_account                  = google_service_account.service[each.key].email
    max_instance_request_concurrency = 80
    timeout                          = "300s"
    scaling {
      min_instance_count = 1
      max_instance_count = 16
    }
    dynamic "volumes" {
      for_each = { for name, s in local.secrets : name => s if contains(s.readers, each.key) }
      content {
        name = volumes.key
        secret {
          secret = google_secret_manager_secret.key[volumes.key].secret_id
          items {
            version = "latest"
            path    = volumes.value.file
          }
        }
      }
    }
    containers {
      image = "${local.images}/${each.key}:${var.image_version}"
      dynamic "env" {
        for_each = local.environment[each.key]
        content {
          name  = env.key
          value = env.value
        }
      }
      dynamic "volume_mounts" {
        for_each = { for name, s in local.secrets : name => s if contains(s.readers, each.key) }
        content {
          name       = volume_mounts.key
          mount_path = "/secrets/${volume_mounts.key}"
        }
      }
      ports {
        container_port = 8080
      }
      resources {
        limits            = { cpu = "1", memory = "1Gi" }
        cpu_idle          = false
        startup_cpu_boost = true
      }
      startup_probe {
        period_seconds    = 5
        timeout_seconds   = 3
        failure_threshold = 24
        http_get {
          path = "/readyz"
        }
      }
      liveness_probe {
        period_seconds    = 10
        timeout_seconds   = 3
        failure_threshold = 3
        http_get {
          path = "/livez"
        }
      }
    }
  }
}

# Brings the schema to the newest version:
#   gcloud run jobs execute accounts-migrate --wait
resource "google_cloud_run_v2_job" "migrate" {
  for_each            = local.services
  name                = "${each.key}-migrate"
  location            = var.region
  deletion_protection = false
  depends_on          = [google_spanner_database_iam_member.migrator]

  template {
    template {
      service_account = google_service_account.migrate.email
      max_retries     = 3
      timeout         = "86400s"
      containers {
        image = "${local.images}/${each.key}:${var.image_version}"
        args  = ["migrate"]
        dynamic "env" {
          for_each = local.environment[each.key]
          content {
            name  = env.key
            value = env.value
          }
        }
        resources {
          limits = { cpu = "1", memory = "512Mi" }
        }
      }
    }
  }
}

# Only the Jobs may change a schema.
resource "google_service_account" "migrate" {
  account_id   = "concha-migrate"
  display_name = "Concha migrations"
  depends_on   = [google_project_service.api]
}

resource "google_spanner_database_iam_member" "migrator" {
  for_each = local.services
  instance = google_spanner_instance.concha.name
  database = google_spanner_database.service[each.key].name
  role     = "roles/spanner.databaseAdmin"
  member   = google_service_account.migrate.member
}

resource "google_compute_network" "concha" {
  name                    = "concha"
  auto_create_subnetworks = false
  depends_on              = [google_project_service.api]
}

resource "google_compute_subnetwork" "concha" {
  name                     = "concha"
  network                  = google_compute_network.concha.id
  region                   = var.region
  ip_cidr_range            = "10.0.0.0/24"
  private_ip_google_access = true
}

# The public origin. It reaches the services through the network.
resource "google_cloud_run_v2_service" "gateway" {
  name                = "gateway"
  location            = var.region
  ingress             = "INGRESS_TRAFFIC_ALL"
  deletion_protection = true
  depends_on          = [google_secret_manager_secret_iam_member.reader]

  template {
    service_account                  = google_service_account.service["gateway"].email
    max_instance_request_concurrency = 250
    timeout                          = "3600s"
    scaling {
      min_instance_count = 1
      max_instance_count = 16
    }
    vpc_access {
      egress = "ALL_TRAFFIC"
      network_interfaces {
        network    = google_compute_network.concha.id
        subnetwork = google_compute_subnetwork.concha.id
      }
    }
    dynamic "volumes" {
      for_each = { for name, s in local.secrets : name => s if contains(s.readers, "gateway") }
      content {
        name = volumes.key
        secret {
          secret = google_secret_manager_secret.key[volumes.key].secret_id
          items {
            version = "latest"
            path    = volumes.value.file
          }
        }
      }
    }
    containers {
      image = "${local.images}/gateway:${var.image_version}"
      dynamic "env" {
        for_each = merge({
          CONCHA_PUBLIC_URL       = local.public_url
          CONCHA_API_KEYS_FILE    = "/secrets/api-keys/keys.ndjson"
          CONCHA_GATEWAY_KEY_FILE = "/secrets/gateway-key/key.pem"
          CONCHA_UPSTREAM_AUTH    = "google-id-token"
        }, { for service in keys(local.services) : "CONCHA_${upper(service)}_URL" => google_cloud_run_v2_service.service[service].uri })
        content {
          name  = env.key
          value = env.value
        }
      }
      dynamic "volume_mounts" {
        for_each = { for name, s in local.secrets : name => s if contains(s.readers, "gateway") }
        content {
          name       = volume_mounts.key
          mount_path = "/secrets/${volume_mounts.key}"
        }
      }
      ports {
        container_port = 8080
      }
      resources {
        limits            = { cpu = "1", memory = "512Mi" }
        cpu_idle          = true
        startup_cpu_boost = true
      }
      startup_probe {
        period_seconds    = 5
        timeout_seconds   = 3
        failure_threshold = 24
        http_get {
          path = "/readyz"
        }
      }
      liveness_probe {
        period_seconds    = 10
        timeout_seconds   = 3
        failure_threshold = 3
        http_get {
          path = "/livez"
        }
      }
    }
  }
}

resource "google_cloud_run_domain_mapping" "gateway" {
  count    = var.domain == "" ? 0 : 1
  name     = var.domain
  location = var.region
  metadata {
    namespace = var.project
  }
  spec {
    route_name = google_cloud_run_v2_service.gateway.name
  }
}

resource "google_cloud_run_v2_service_iam_member" "public" {
  name     = google_cloud_run_v2_service.gateway.name
  location = var.region
  role     = "roles/run.invoker"
  member   = "allUsers"
}

# The services answer the gateway alone.
resource "google_cloud_run_v2_service_iam_member" "gateway" {
  for_each = local.services
  name     = google_cloud_run_v2_service.service[each.key].name
  location = var.region
  role     = "roles/run.invoker"
  member   = google_service_account.service["gateway"].member
}
