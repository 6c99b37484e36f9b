package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

// -d as nutcracker has it, for init scripts: the program starts itself once more, in a session of
// its own, waits until that one serves, and ends. Whoever calls it knows then that requests are
// answered and that the pid file is there, or has the reason and the exit status why not.

// daemonVariable tells a detached process at which descriptor its parent waits to hear that it
// is ready.
const daemonVariable = "HUNTAWAY_DAEMON"

// detach starts this program in a session of its own and returns when it serves, or has ended.
func detach(cmd *cobra.Command) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	said, toSay, err := os.Pipe()
	if err != nil {
		return err
	}
	defer said.Close()
	ready, toTell, err := os.Pipe()
	if err != nil {
		toSay.Close()
		return err
	}
	defer ready.Close()
	child := exec.Command(self, os.Args[1:]...)
	child.Env = append(os.Environ(), daemonVariable+"=3") // the first of ExtraFiles
	child.Stderr, child.ExtraFiles = toSay, []*os.File{toTell}
	child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = child.Start()
	toSay.Close()
	toTell.Close()
	if err != nil {
		return fmt.Errorf("starting in the background: %w", err)
	}
	// It gives both away when it is ready, and when it ends.
	if _, err := io.Copy(cmd.ErrOrStderr(), said); err != nil {
		return err
	}
	if word, err := io.ReadAll(ready); err == nil && len(word) > 0 {
		return child.Process.Release()
	}
	_ = child.Wait() // its status says all
	return &failure{status: max(child.ProcessState.ExitCode(), exitFailed)}
}

// detached tells whether this process was started by detach and has not said yet that it is ready.
func detached() bool { return os.Getenv(daemonVariable) != "" }

// letParentGo tells a parent that this process serves, and lets go of its terminal.
func letParentGo() error {
	fd, err := strconv.Atoi(os.Getenv(daemonVariable))
	if err != nil {
		return nil // there is none
	}
	os.Unsetenv(daemonVariable)
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	parent := os.NewFile(uintptr(fd), "the parent's pipe")
	if parent == nil {
		return fmt.Errorf("%s=%d is no descriptor", daemonVariable, fd)
	}
	defer parent.Close()
	if _, err := parent.WriteString("ready\n"); err != nil {
		return fmt.Errorf("telling the parent: %w", err)
	}
	for _, std := range []int{1, 2} {
		if err := unix.Dup3(int(null.Fd()), std, 0); err != nil {
			return fmt.Errorf("letting go of the terminal: %w", err)
		}
	}
	return nil
}
