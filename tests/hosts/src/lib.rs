//! Boots throwaway Debian hosts.
