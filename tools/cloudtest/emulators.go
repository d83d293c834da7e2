package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/fsouza/fake-gcs-server/fakestorage"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
)

const (
	image = "gcr.io/google.com/cloudsdktool/google-cloud-cli:528.0.0-emulators"

	// patience bounds the start of one emulator; in Docker it may have to be
	// downloaded first.
	patience       = time.Minute
	dockerPatience = 10 * time.Minute

	missing = `the emulators of Cloud Spanner and Pub/Sub are not here.
Install them with the Google Cloud SDK (https://cloud.google.com/sdk/docs/install), and Java 11 or newer:
    gcloud components install cloud-spanner-emulator pubsub-emulator
or, where apt manages the SDK:
    apt-get install google-cloud-cli-spanner-emulator google-cloud-cli-pubsub-emulator default-jre-headless
Or start Docker: the image ` + image + ` is used then`
)

// emulators holds the addresses of the emulators.
type emulators struct {
	spanner, faultySpanner, pubsub, storage string

	spannerREST string // the REST API of spanner

	kill context.CancelFunc
	done sync.WaitGroup
}

// start starts all emulators and returns when every one of them answers.
func (e *emulators) start(ctx context.Context) error {
	ctx, e.kill = context.WithCancel(ctx)
	launch, err := launcher(ctx)
	if err != nil {
		return err
	}
	for _, address := range []*string{&e.spanner, &e.spannerREST, &e.faultySpanner, &e.pubsub} {
		if *address, err = freeAddress(ctx); err != nil {
			return err
		}
	}
	if err := e.serveStorage(ctx); err != nil {
		return err
	}
	var wg sync.WaitGroup
	var errs [3]error
	wg.Go(func() {
		errs[0] = e.run(ctx, "Spanner", e.spanner, launch.spanner(e.spanner, e.spannerREST), spannerReady, launch.patience)
	})
	wg.Go(func() {
		errs[1] = e.run(ctx, "Spanner with faults", e.faultySpanner, launch.faultySpanner(e.faultySpanner), spannerReady, launch.patience)
	})
	wg.Go(func() {
		errs[2] = e.run(ctx, "Pub/Sub", e.pubsub, launch.pubsub(e.pubsub), pubsubReady, launch.patience)
	})
	wg.Wait()
	return errors.Join(errs[:]...)
}

// stop kills all started processes and returns when they have ended.
func (e *emulators) stop() {
	if e.kill != nil {
		e.kill()
	}
	e.done.Wait()
}

// run starts one emulator and waits until it is ready.
func (e *emulators) run(ctx context.Context, name, address string, argv []string, ready func(context.Context, string) error, patience time.Duration) error {
	fmt.Printf("cloudtest: starting %s on %s: %s\n", name, address, strings.Join(argv, " "))
	cmd := command(ctx, syscall.SIGTERM, argv[0], argv[1:]...) // which docker passes on
	output := new(tail)
	cmd.Stdout, cmd.Stderr = output, output
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the emulator of %s: %w", name, err)
	}
	ended := make(chan struct{})
	e.done.Go(func() {
		defer close(ended)
		_ = wait(cmd) // killed, or its end is reported below
	})
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := ready(ctx, address)
		if err == nil {
			return nil
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ended:
			return fmt.Errorf("the emulator of %s ended (%v): %s", name, cmd.ProcessState, output)
		case <-ctx.Done():
			return fmt.Errorf("the emulator of %s is not ready (%w): %s", name, err, output)
		}
	}
}

// serveStorage serves the storage emulator in this process. It answers under
// any port of its host, so that a proxy may stand before it.
func (e *emulators) serveStorage(ctx context.Context) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	e.storage = listener.Addr().String()
	fake, err := fakestorage.NewServerWithOptions(fakestorage.Options{
		NoListener: true, Scheme: "http", PublicHost: "127.0.0.1", ExternalURL: "http://" + e.storage,
	})
	if err != nil {
		return fmt.Errorf("start the storage emulator: %w", err)
	}
	fmt.Printf("cloudtest: storage emulator on %s, in this process\n", e.storage)
	server := &http.Server{Handler: fake.HTTPHandler(), ReadHeaderTimeout: time.Minute}
	e.done.Go(func() { _ = server.Serve(listener) })
	e.done.Go(func() {
		<-ctx.Done()
		_ = server.Close()
	})
	return nil
}

// launch is how the emulators are started: each func returns a command line.
type launch struct {
	spanner       func(address, rest string) []string
	faultySpanner func(address string) []string
	pubsub        func(address string) []string
	patience      time.Duration
}

func launcher(ctx context.Context) (launch, error) {
	if sdk, ok := findSDK(ctx); ok {
		return fromSDK(sdk), nil
	}
	if err := exec.CommandContext(ctx, "docker", "info").Run(); err != nil {
		return launch{}, errors.New(missing)
	}
	return fromDocker(), nil
}

const (
	spannerBinary  = "bin/cloud_spanner_emulator/emulator_main"
	spannerGateway = "bin/cloud_spanner_emulator/gateway_main" // runs spannerBinary and serves its REST API
	pubsubScript   = "platform/pubsub-emulator/bin/cloud-pubsub-emulator"
)

// findSDK returns the root of a Google Cloud SDK that has both emulators, and
// whether there is one and Java, which it needs. It asks gcloud, which is slow,
// last.
func findSDK(ctx context.Context) (root string, ok bool) {
	gcloud, err := exec.LookPath("gcloud")
	if err != nil {
		return "", false
	}
	if _, err := exec.LookPath("java"); err != nil {
		return "", false
	}
	if path, err := filepath.EvalSymlinks(gcloud); err == nil {
		if root = filepath.Dir(filepath.Dir(path)); hasEmulators(root) {
			return root, true
		}
	}
	out, err := exec.CommandContext(ctx, gcloud, "info", "--format=value(installation.sdk_root)").Output()
	root = strings.TrimSpace(string(out))
	return root, err == nil && hasEmulators(root)
}

func hasEmulators(root string) bool {
	for _, file := range []string{spannerBinary, spannerGateway, pubsubScript} {
		if _, err := os.Stat(filepath.Join(root, file)); err != nil {
			return false
		}
	}
	return true
}

func fromSDK(root string) launch {
	return launch{
		patience: patience,
		spanner: func(address, rest string) []string {
			host, port, _ := net.SplitHostPort(address)
			_, restPort, _ := net.SplitHostPort(rest)
			return []string{
				filepath.Join(root, spannerGateway), "--grpc_binary=" + filepath.Join(root, spannerBinary),
				"--hostname=" + host, "--grpc_port=" + port, "--http_port=" + restPort,
			}
		},
		faultySpanner: func(address string) []string {
			return []string{filepath.Join(root, spannerBinary), "--host_port", address, "--enable_fault_injection=true"}
		},
		pubsub: func(address string) []string {
			host, port, _ := net.SplitHostPort(address)
			return []string{filepath.Join(root, pubsubScript), "--host=" + host, "--port=" + port}
		},
	}
}

// fromDocker asks for the one platform that has the emulator of Spanner.
func fromDocker() launch {
	container := func(ports []string, args ...string) []string {
		argv := []string{"docker", "run", "--rm", "--init", "--platform", "linux/amd64"}
		for _, port := range ports {
			argv = append(argv, "--publish", port)
		}
		return append(append(argv, image, "gcloud", "beta", "emulators"), args...)
	}
	return launch{
		patience: dockerPatience,
		spanner: func(address, rest string) []string {
			return container([]string{address + ":9010", rest + ":9020"}, "spanner", "start", "--host-port=0.0.0.0:9010", "--rest-port=9020", "--quiet")
		},
		faultySpanner: func(address string) []string {
			return container([]string{address + ":9010"}, "spanner", "start", "--host-port=0.0.0.0:9010", "--quiet", "--enable-fault-injection=true")
		},
		pubsub: func(address string) []string {
			return container([]string{address + ":8085"}, "pubsub", "start", "--host-port=0.0.0.0:8085", "--project=test", "--quiet")
		},
	}
}

func freeAddress(ctx context.Context) (string, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	return listener.Addr().String(), nil
}

// spannerReady returns nil if the API answers, be it that the request, which
// names no project, is wrong.
func spannerReady(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	conn, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer conn.Close()
	err = conn.Invoke(ctx, "/google.spanner.admin.instance.v1.InstanceAdmin/ListInstanceConfigs", &emptypb.Empty{}, &emptypb.Empty{})
	if status.Code(err) == codes.InvalidArgument {
		return nil
	}
	return err
}

func pubsubReady(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/v1/projects/test/topics", http.NoBody)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return errors.New(resp.Status)
	}
	return nil
}

// tail keeps the end of the text that is written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	t.text = t.text[max(0, len(t.text)-4096):]
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}
