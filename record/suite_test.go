package record

import "testing"

func TestNames(t *testing.T) {
	for _, tc := range []struct{ got, want string }{
		{AES128GCMSHA256.String(), "TLS_AES_128_GCM_SHA256"},
		{AES256GCMSHA384.String(), "TLS_AES_256_GCM_SHA384"},
		{CipherSuite(0x1303).String(), "CipherSuite(0x1303)"},
		{Alert.String(), "alert"},
		{Handshake.String(), "handshake"},
		{ApplicationData.String(), "application_data"},
		{ACK.String(), "ack"},
		{ReturnRoutability.String(), "return_routability_check"},
		{ContentType(24).String(), "ContentType(24)"},
	} {
		if tc.got != tc.want {
			t.Errorf("%q, want %q", tc.got, tc.want)
		}
	}
}
