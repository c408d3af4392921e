package server

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pqcoap/pqcoap/internal/config"
	"github.com/pqcoap/pqcoap/server/upstream"
)

// Every key of the table has a field, and every field a key, also in the tables.
func TestSettingsFields(t *testing.T) {
	settings := reflect.TypeFor[Settings]()
	if got, want := fieldKeys(settings), len(config.Server.Keys)+len(config.Server.Tables); len(got) != want {
		t.Errorf("%d fields, %d keys: %q", len(got), want, got)
	}
	for _, k := range config.Server.Keys {
		if !slices.Contains(fieldKeys(settings), k.Name) {
			t.Errorf("no field for %s", k.Name)
		}
	}
	for name, of := range map[string]reflect.Type{"route": reflect.TypeFor[upstream.Route](), "group": reflect.TypeFor[Group](), "limits": reflect.TypeFor[LimitSettings](), "authority": reflect.TypeFor[AuthoritySettings]()} {
		table := config.Server.Table(name)
		for _, k := range table.Keys {
			if got := fieldKeys(of); len(got) != len(table.Keys) || !slices.Contains(got, k.Name) {
				t.Errorf("%s: fields %q, no %s", name, got, k.Name)
			}
		}
	}
}

// fieldKeys are the keys that the tags of a struct name.
func fieldKeys(of reflect.Type) (keys []string) {
	for i := range of.NumField() {
		keys = append(keys, of.Field(i).Tag.Get("toml"))
	}
	return keys
}

func TestSettingsMean(t *testing.T) {
	s, err := ParseSettings([]byte("ticket_lifetime = 48\nticket_rotation = 4\nresume_small = 2\nresume_small_age = 3\n" +
		"update_after_hours = 1\nupdate_after_records = 1000\ndrain_timeout = 7\n"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := s.limits(), (Limits{Lifetime: 48 * time.Hour, Small: 2, SmallAge: 3 * time.Hour}); got != want {
		t.Errorf("limits %+v, want %+v", got, want)
	}
	if got, want := s.update(), (Update{Age: time.Hour, Records: 1000}); got != want {
		t.Errorf("update %+v, want %+v", got, want)
	}
	if s.rotation() != 4*time.Hour || s.Drain() != 7*time.Second {
		t.Errorf("rotation %v, drain %v", s.rotation(), s.Drain())
	}
}

func TestSettingsRejected(t *testing.T) {
	for _, line := range []string{
		"ticket_lifetime = 0", "ticket_lifetime = 87601", "ticket_rotation = -1", "ticket_rotation = 59", "resume_small = 256",
		"resume_small = -1", "resume_small_age = -1", "update_after_hours = -1", "update_after_records = -1",
		"drain_timeout = -1", "drain_timeout = 3601", "idle_timeout = 0", "max_udp_payload = 79",
	} {
		key, _, _ := strings.Cut(line, " ")
		if _, err := ParseSettings([]byte(line)); !errors.Is(err, ErrDir) || !strings.Contains(err.Error(), key) {
			t.Errorf("%s: error %v", line, err)
		}
	}
	for _, line := range []string{"ticket_rotation = 0", "ticket_rotation = 60", "resume = false", "resume_small = 0", "drain_timeout = 0"} {
		if _, err := ParseSettings([]byte(line)); err != nil {
			t.Errorf("%s: error %v", line, err)
		}
	}
}

func TestSettingsRoutes(t *testing.T) {
	s, err := ParseSettings([]byte(`
		listen = ":1"
		[[route]]
		path = "/"
		upstream = "coap://127.0.0.1:5683"
		identity = "query:device"
		[[route]]
		path = "/far"
		upstream = "coap://192.0.2.1"
		unencrypted = true
		[[route]]
		path = "/telemetry"
		upstream = "builtin"
	`))
	want := []upstream.Route{
		{Path: "/", Upstream: "coap://127.0.0.1:5683", Identity: "query:device"},
		{Path: "/far", Upstream: "coap://192.0.2.1", Unencrypted: true},
		{Path: "/telemetry", Upstream: upstream.BuiltIn},
	}
	if err != nil || !reflect.DeepEqual(s.Routes, want) {
		t.Errorf("%+v, %v", s.Routes, err)
	}
	d := Dir{Settings: s}
	if !d.Config(nil).Forward || new(Dir).Config(nil).Forward {
		t.Error("only a server with routes is a proxy")
	}
}

func TestSettingsErrors(t *testing.T) {
	for text, want := range map[string]string{
		"[[route]]\npath = \"/\"\nto = \"x\"": `line 3: unknown key "route[0].to"`,
		"[[route]]\npath = 1":                 "wrong type",
		"route = 1":                           "[[route]]",
		"port = 1":                            `unknown key "port"`,
		"echo = \"never\"":                    "echo: want",
		"listen = \"\"":                       "listen: want",
		"max_udp_payload = 79":                "max_udp_payload: want",
		"idle_timeout = 0":                    "idle_timeout: want",
	} {
		if _, err := ParseSettings([]byte(text)); !errors.Is(err, ErrDir) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// The example of routes in the file that init writes is one that works.
func TestDefaultSettingsExample(t *testing.T) {
	s, err := ParseSettings([]byte(config.Server.Table("route").Example))
	if err != nil || len(s.Routes) != 2 {
		t.Fatalf("%+v, %v", s.Routes, err)
	}
	h, err := upstream.New(t.Context(), upstream.Config{Routes: s.Routes})
	if err != nil {
		t.Fatal(err)
	}
	h.Close()
}

func FuzzParseSettings(f *testing.F) {
	f.Add(config.Server.Commented())
	f.Add([]byte("echo = \"always\"\nidle_timeout = 1\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := ParseSettings(b); err == nil && (s.Listen == "" || s.MaxUDPPayload < 80 || s.IdleTimeout < 1) {
			t.Errorf("accepted %+v", s)
		}
	})
}
