package settings

import (
	"errors"
	"net/netip"
)

// Listen is the IP address that a process listens on, or "*" for all addresses
// of the machine; "" if nothing was said.
type Listen string

// Loopback is an address that only this machine reaches.
const Loopback Listen = "127.0.0.1"

const allAddresses = "*"

var errListen = errors.New("must be an IP address such as 127.0.0.1, localhost, or * for all addresses")

// UnmarshalText accepts an IP address, localhost and *.
func (l *Listen) UnmarshalText(text []byte) error {
	switch s := string(text); s {
	case allAddresses:
		*l = allAddresses
	case "localhost":
		*l = Loopback
	default:
		if _, err := netip.ParseAddr(s); err != nil {
			return errListen
		}
		*l = Listen(s)
	}
	return nil
}

// Host returns the address in the form of package net, where "" means all.
func (l Listen) Host() string {
	if l == allAddresses {
		return ""
	}
	return string(l)
}

// IsLocal reports whether only this machine reaches the address.
func (l Listen) IsLocal() bool {
	address, err := netip.ParseAddr(string(l))
	return err == nil && address.IsLoopback()
}
