package zonebox

deny contains ["AUDIT_NOT_WRITABLE", ""] if not input.runtime.audit_writable

deny contains ["CLOCK_UNTRUSTED", ""] if not input.runtime.clock_ok

# A release runs nothing: its worker is long gone.
deny contains ["RUNTIME_NOT_HARDENED", layer] if {
	input.action in {"query", "explain", "load"}
	some layer in ["engine_hardened", "network_none", "extensions_locked", "spill_encrypted"]
	not input.runtime[layer]
}
