variable "project" {
  description = "Id of an existing project with billing."
  type        = string
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "Must be the id of a project: 6 to 30 lower-case letters, digits and hyphens."
  }
}

variable "region" {
  description = "Region of everything."
  type        = string
  default     = "europe-west1"
}

variable "image_version" {
  description = "Tag of the images in Artifact Registry, such as v1.0.0."
  type        = string
  validation {
    condition     = var.image_version != "" && var.image_version != "latest"
    error_message = "Must name a version. latest is whatever was pushed last."
  }
}

variable "domain" {
  description = "Host that is mapped to the gateway, such as api.example.com. The account that applies must own it. Empty: the gateway has the URL that Cloud Run gives it."
  type        = string
  default     = ""
  validation {
    condition     = var.domain == "" || can(regex("^[a-z0-9-]+([.][a-z0-9-]+)+$", var.domain))
    error_message = "Must be a host, without https:// and without a path."
  }
}

variable "public_url" {
  description = "Origin under which clients reach the API if a load balancer of your own serves it, such as https://api.example.com. Empty: that of domain."
  type        = string
  default     = ""
  validation {
    condition     = var.public_url == "" || can(regex("^https://[a-z0-9.-]+$", var.public_url))
    error_message = "Must be https:// and a host, without a path."
  }
}

variable "processing_units" {
  description = "Size of the Spanner instance: 100 to 900 in hundreds, or thousands."
  type        = number
  default     = 100
  validation {
    condition     = var.processing_units >= 100 && var.processing_units % (var.processing_units < 1000 ? 100 : 1000) == 0
    error_message = "Must be a multiple of 100, above 1000 of 1000."
  }
}

variable "alert_email" {
  description = "Address that alerts are sent to. Empty: alerts are shown in the console alone."
  type        = string
  default     = ""
}
